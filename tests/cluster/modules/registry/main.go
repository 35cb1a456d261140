// Command registry speaks the OCI distribution protocol just far enough to
// refuse every image the way real registries do:
//
//	denied/...     401 again after a token was fetched (insufficient_scope)
//	forbidden/...  403 DENIED
//	anything else  404 NAME_UNKNOWN, or MANIFEST_UNKNOWN below known/
//
// It holds no image and stores nothing.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"net/http"
	"strings"
	"time"
)

// fail answers with the protocol's error document.
func fail(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	doc := map[string]any{"errors": []map[string]string{{"code": code, "message": message}}}
	if err := json.NewEncoder(w).Encode(doc); err != nil {
		log.Print(err)
	}
}

// repository returns NAME of /v2/NAME/{manifests,blobs,tags}/REFERENCE.
func repository(path string) string {
	rest := strings.TrimPrefix(path, "/v2/")
	for _, kind := range []string{"/manifests/", "/blobs/", "/tags/"} {
		if i := strings.LastIndex(rest, kind); i >= 0 {
			return rest[:i]
		}
	}
	return rest
}

func refuse(w http.ResponseWriter, r *http.Request) {
	name := repository(r.URL.Path)
	top, _, _ := strings.Cut(name, "/")
	switch {
	case name == "":
		fmt.Fprintln(w, "{}")
	case top == "denied":
		challenge := fmt.Sprintf(`Bearer realm="http://%s/token",service="%s",scope="repository:%s:pull"`,
			r.Host, r.Host, name)
		if r.Header.Get("Authorization") != "" {
			challenge += `,error="insufficient_scope"`
		}
		w.Header().Set("WWW-Authenticate", challenge)
		fail(w, http.StatusUnauthorized, "UNAUTHORIZED", "authentication required")
	case top == "forbidden":
		fail(w, http.StatusForbidden, "DENIED", "requested access to the resource is denied")
	case top == "known":
		fail(w, http.StatusNotFound, "MANIFEST_UNKNOWN", "manifest unknown")
	default:
		fail(w, http.StatusNotFound, "NAME_UNKNOWN", "repository name not known to registry")
	}
}

func token(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintln(w, `{"token":"anonymous","expires_in":300}`)
}

func main() {
	listen := flag.String("listen", "127.0.0.1:5000", "address to listen on")
	flag.Parse()
	mux := http.NewServeMux()
	mux.HandleFunc("/v2/", refuse)
	mux.HandleFunc("/token", token)
	server := &http.Server{Addr: *listen, Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	log.Fatal(server.ListenAndServe())
}
