// gVisor's containerd shim, but for how it is started: upstream's "start" answers
// in a form that containerd 1.6 does not know, and fails where the shim's
// oom_score_adj may not be lowered.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"syscall"

	"github.com/containerd/containerd/v2/pkg/namespaces"
	"github.com/containerd/containerd/v2/pkg/shim"
	"gvisor.dev/gvisor/shim/v1/cli"
)

func main() {
	if os.Args[len(os.Args)-1] != "start" {
		cli.Main()
		return
	}
	address, err := start(os.Args[1 : len(os.Args)-1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Print(address)
}

// start leaves a shim serving the bundle in the working directory and returns its
// address. The listening socket is the shim's descriptor 3.
func start(args []string) (string, error) {
	flags := flag.NewFlagSet("start", flag.ExitOnError)
	namespace := flags.String("namespace", "", "")
	address := flags.String("address", "", "")
	id := flags.String("id", "", "")
	debug := flags.Bool("debug", false, "")
	flags.String("publish-binary", "", "")
	flags.String("bundle", "", "")
	_ = flags.Parse(args)

	ctx := namespaces.WithNamespace(context.Background(), *namespace)
	path, err := shim.SocketAddress(ctx, *address, *id, *debug)
	if err != nil {
		return "", err
	}
	_ = shim.RemoveSocket(path)
	socket, err := shim.NewSocket(path)
	if err != nil {
		return "", err
	}
	file, err := socket.File()
	if err != nil {
		return "", err
	}
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	server := exec.Command(self, args...)
	server.ExtraFiles = []*os.File{file}
	server.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	// "address" is the file by which the shim finds the socket to remove at its end.
	if err := os.WriteFile("address", []byte(path), 0o644); err != nil {
		return "", err
	}
	if err := server.Start(); err != nil {
		return "", err
	}
	return path, shim.WritePidFile("shim.pid", server.Process.Pid)
}
