// Command volumes opens every directory made in the one it is given to all
// users: the controller manager's volume provisioner makes them for root alone,
// and its kind of volume knows no fsGroup.
package main

import (
	"log"
	"os"
	"path/filepath"
	"syscall"
)

const open = 0o777

// openAll opens every directory directly below dir.
func openAll(dir string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		log.Fatal(err)
	}
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil || !info.IsDir() || info.Mode().Perm() == open {
			continue
		}
		if err := os.Chmod(filepath.Join(dir, entry.Name()), open); err != nil {
			log.Print(err)
		}
	}
}

func main() {
	if len(os.Args) != 2 {
		log.Fatal("usage: volumes DIRECTORY")
	}
	dir := os.Args[1]
	fd, err := syscall.InotifyInit1(syscall.IN_CLOEXEC)
	if err != nil {
		log.Fatal(err)
	}
	if _, err := syscall.InotifyAddWatch(fd, dir, syscall.IN_CREATE|syscall.IN_ONLYDIR); err != nil {
		log.Fatal(err)
	}
	// What the events say does not matter, only that there are any.
	events := make([]byte, 64*1024)
	for {
		openAll(dir)
		if _, err := syscall.Read(fd, events); err != nil && err != syscall.EINTR {
			log.Fatal(err)
		}
	}
}
