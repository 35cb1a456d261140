//go:build tools

// Package programs names the programs built from this module, so that
// go mod tidy keeps everything they need in go.sum.
package programs

import _ "sigs.k8s.io/agent-sandbox/cmd/agent-sandbox-controller"
