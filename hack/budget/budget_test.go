// Package budget bounds what the three programs link: how many packages, and how many megabytes. Both grow by one
// careless import. docs/architecture/builds.md tells what the packages and the megabytes are for.
package budget

import (
	"debug/elf"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// program is one of bin/, as the Makefile builds it for linux/amd64.
type program struct {
	name, module, pkg string
	packages          int // at most
	megabytes         int // at most, without tables for debuggers
}

var programs = []program{
	{"controller", "../..", "./cmd/controller", 1170, 51},
	{"lbc", "../..", "./cmd/lbc", 1102, 49},
	{"playground", "../../playground", "./cmd/playground", 2792, 119},
}

func TestProgramsLinkFewPackages(t *testing.T) {
	t.Parallel()
	for _, p := range programs {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			deps := deps(t, p)
			if len(deps) > p.packages {
				t.Errorf("%s links %d packages, %d more than its budget. `go list -deps %s` lists them; "+
					"docs/architecture/builds.md tells what they cost.",
					p.name, len(deps), len(deps)-p.packages, p.pkg)
			}
			if len(deps)+50 < p.packages {
				t.Errorf("%s links %d packages. Lower its budget of %d.", p.name, len(deps), p.packages)
			}
		})
	}
}

// TestPlaygroundLinksNoClientsOfController holds what took most off the playground: one table of internal/aws/awsclient
// linked the clients of all services of AWS with all of their methods.
func TestPlaygroundLinksNoClientsOfController(t *testing.T) {
	t.Parallel()
	for _, dep := range deps(t, programs[2]) {
		for _, unwanted := range []string{
			"github.com/k8s-lbc/lbc/internal/aws/awsclient", "github.com/k8s-lbc/lbc/internal/controller/stacks",
			"github.com/aws/aws-sdk-go-v2/config",
			"k8s.io/kubernetes/cmd/kube-controller-manager", "k8s.io/kubernetes/cmd/kubelet", "k8s.io/kubernetes/cmd/kube-proxy",
		} {
			if dep == unwanted || strings.HasPrefix(dep, unwanted+"/") {
				t.Errorf("the playground links %s", dep)
			}
		}
	}
}

// TestBinariesStayWithinTheirBudget looks at the binaries of the directory LBC_BINARIES, which make sizes has just
// built.
func TestBinariesStayWithinTheirBudget(t *testing.T) {
	t.Parallel()
	dir := os.Getenv("LBC_BINARIES")
	if dir == "" {
		t.Skip("LBC_BINARIES is not set: make sizes builds the programs and compares their sizes")
	}
	for _, p := range programs {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(dir, p.name)
			info, err := os.Stat(path)
			if os.IsNotExist(err) {
				t.Skip("not built")
			}
			if err != nil {
				t.Fatal(err)
			}
			if !isStripped(t, path) {
				t.Skip("the budget is that of stripped binaries for linux/amd64")
			}
			t.Logf("%s has %.1f MB of %d", p.name, float64(info.Size())/1e6, p.megabytes)
			if info.Size() > int64(p.megabytes)*1e6 {
				t.Errorf("%s has %.1f MB, and its budget is %d. docs/architecture/builds.md tells how to find what grew.", path,
					float64(info.Size())/1e6, p.megabytes)
			}
		})
	}
}

func deps(t *testing.T, p program) []string {
	t.Helper()
	// Go keeps the result of a test until something that the test itself has read changes, and does not see what other
	// processes read.
	for _, dir := range []string{"api", "awssim", "bench", "cmd", "internal", "playground"} {
		if err := filepath.WalkDir("../../"+dir, func(_ string, _ fs.DirEntry, err error) error { return err }); err != nil {
			t.Fatal(err)
		}
	}
	for _, file := range []string{"go.mod", "go.sum"} {
		if _, err := os.ReadFile(filepath.Join(p.module, file)); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("go", "list", "-deps", p.pkg) //nolint:gosec // packages of the table
	cmd.Dir = p.module
	cmd.Env = append(os.Environ(), "GOOS=linux", "GOARCH=amd64", "CGO_ENABLED=0")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list -deps %s: %v", p.pkg, err)
	}
	return strings.Fields(string(out))
}

// isStripped reports whether a binary is one that the budget is for.
func isStripped(t *testing.T, path string) bool {
	t.Helper()
	f, err := elf.Open(path)
	if err != nil {
		return false
	}
	defer f.Close() //nolint:errcheck // only read
	return f.Machine == elf.EM_X86_64 && f.Section(".symtab") == nil && f.Section(".debug_info") == nil
}
