// Package repository finds the files of this repository that the playground uses at run time: CRDs, examples, binaries.
// It imports only the standard library.
package repository

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

const module = "module github.com/k8s-lbc/lbc\n"

// Root is a checkout.
type Root string

// Find looks for the checkout upwards from each of the directories.
func Find(dirs ...string) (Root, error) {
	for _, dir := range dirs {
		dir, err := filepath.Abs(dir)
		if err != nil {
			continue
		}
		for {
			content, err := os.ReadFile(filepath.Join(dir, "go.mod"))
			if err == nil && bytes.HasPrefix(content, []byte(module)) {
				return Root(dir), nil
			}
			parent := filepath.Dir(dir)
			if parent == dir {
				break
			}
			dir = parent
		}
	}
	return "", errors.New("the playground's files (config/crd, examples) were not found: run it inside of a checkout of " +
		"the repository, or name the checkout with --repo")
}

// FindFromProcess looks from the working directory and from the running binary.
func FindFromProcess() (Root, error) {
	dirs := []string{"."}
	if exe, err := os.Executable(); err == nil {
		if resolved, err := filepath.EvalSymlinks(exe); err == nil {
			exe = resolved
		}
		dirs = append(dirs, filepath.Dir(exe))
	}
	return Find(dirs...)
}

// CRDs is the directory of our CustomResourceDefinitions.
func (r Root) CRDs() string { return filepath.Join(string(r), "config", "crd") }

// Rights is the directory of what the controller may do in a cluster.
func (r Root) Rights() string { return filepath.Join(string(r), "config", "rbac") }

// Config is the directory of the manifests of an installation, the base for kustomize.
func (r Root) Config() string { return filepath.Join(string(r), "config") }

// Webhooks is the directory of the admission webhooks' manifests.
func (r Root) Webhooks() string { return filepath.Join(string(r), "config", "webhook") }

// Chart is the directory of the Helm chart.
func (r Root) Chart() string {
	return filepath.Join(string(r), "charts", "aws-load-balancer-controller")
}

// Example is an example's path.
func (r Root) Example(name string) string { return filepath.Join(string(r), "examples", name) }

// Budget is the file of what benchmarks may cost.
func (r Root) Budget() string { return filepath.Join(string(r), "bench", "budget.yaml") }

// Controller is the path of the controller's binary. The error for a missing one contains the command that builds it.
func (r Root) Controller() (string, error) {
	path := filepath.Join(string(r), "bin", "controller")
	return path, CheckBinary(path)
}

// ControlPlane is the command by which tests run a control plane: that of the binary $PLAYGROUND or else of
// bin/playground.
func (r Root) ControlPlane() ([]string, error) {
	path := os.Getenv("PLAYGROUND")
	if path == "" {
		path = filepath.Join(string(r), "bin", "playground")
	}
	return ControlPlaneOf(path), check("playground", path, `"make build-playground", or name one with PLAYGROUND`)
}

// ControlPlaneOf is the command by which a binary of the playground runs a control plane.
func ControlPlaneOf(playground string) []string { return []string{playground, "controlplane"} }

// CheckBinary reports a file of the controller that cannot be run.
func CheckBinary(path string) error {
	return check("controller", path, `"make build", or name one with --controller`)
}

func check(program, path, build string) error {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return fmt.Errorf("the %s's binary %s does not exist: run %s", program, path, build)
	case err != nil:
		return fmt.Errorf("the %s's binary: %w", program, err)
	case info.IsDir() || info.Mode()&0o111 == 0:
		return fmt.Errorf("the %s's binary %s is not an executable file", program, path)
	}
	return nil
}
