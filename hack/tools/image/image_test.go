package main

import (
	"archive/tar"
	"bytes"
	"debug/buildinfo"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"io/fs"
	"log"
	"maps"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/validate"
)

// program compiles a small program in a directory of its own.
func program(architecture string, flags ...string) (string, error) {
	dir, err := os.MkdirTemp("", "image-test-")
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(filepath.Join(dir, "main.go"), []byte("package main\n\nfunc main() {}\n"), 0o600); err != nil {
		return "", err
	}
	if err := os.WriteFile(filepath.Join(dir, "go.mod"), []byte("module example.com/program\n\ngo 1.26.0\n"),
		0o600); err != nil {
		return "", err
	}
	//nolint:gosec // a test
	cmd := exec.Command("go", append(append([]string{"build", "-trimpath"}, flags...), "-o", "program", ".")...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+architecture, "GOFLAGS=", "GOWORK=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", errors.New(string(out))
	}
	return filepath.Join(dir, "program"), nil
}

var programs = sync.OnceValues(func() (map[string]string, error) {
	out := map[string]string{}
	for name, build := range map[string][]string{"amd64": {"amd64"}, "again": {"amd64"}, "arm64": {"arm64"},
		"slow": {"amd64", "-gcflags=example.com/...=-l"}} {
		path, err := program(build[0], build[1:]...)
		if err != nil {
			return nil, err
		}
		out[name] = path
	}
	return out, nil
})

func binaries(t *testing.T) map[string]string {
	t.Helper()
	all, err := programs()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestMain(m *testing.M) {
	code := m.Run()
	if all, err := programs(); err == nil {
		for _, p := range all {
			_ = os.RemoveAll(filepath.Dir(p))
		}
	}
	os.Exit(code)
}

// layoutOf writes a layout of both platforms.
func layoutOf(t *testing.T, amd64 string) string {
	t.Helper()
	dir := t.TempDir()
	license := filepath.Join(dir, "LICENSE")
	if err := os.WriteFile(license, []byte("as it is"), 0o600); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(dir, "image")
	r := release{version: "v1.2.3", source: "https://example.com/lbc", licenses: license, binaries: []string{
		"linux/amd64=" + binaries(t)[amd64] + "," + binaries(t)["amd64"], "linux/arm64=" + binaries(t)["arm64"] + "," +
			binaries(t)["arm64"],
	}}
	if err := run(r, out, "", io.Discard); err != nil {
		t.Fatal(err)
	}
	return out
}

// contents are the files below a directory and beside it.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(filepath.Dir(dir), func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		text, err := os.ReadFile(path) //nolint:gosec // a test
		rel, _ := filepath.Rel(filepath.Dir(dir), path)
		out[rel] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestTheSameSourcesMakeTheSameBytes(t *testing.T) {
	t.Parallel()
	first, second := contents(t, layoutOf(t, "amd64")), contents(t, layoutOf(t, "again"))
	if len(first) < 12 || !maps.Equal(first, second) {
		t.Errorf("%v\n%v", slices.Sorted(maps.Keys(first)), slices.Sorted(maps.Keys(second)))
	}
}

func TestAnImageHasTheProgramAuthoritiesAndLicencesOnly(t *testing.T) {
	t.Parallel()
	all, err := layout.ImageIndexFromPath(layoutOf(t, "amd64"))
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Index(all); err != nil {
		t.Error(err)
	}
	top, err := all.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	if len(top.Manifests) != 3 || top.Manifests[0].Annotations["org.opencontainers.image.ref.name"] != "v1.2.3" {
		t.Fatalf("the layout has %+v", top.Manifests)
	}
	images, err := all.ImageIndex(top.Manifests[0].Digest)
	if err != nil {
		t.Fatal(err)
	}
	list, err := images.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	var platforms []string
	for i, d := range list.Manifests {
		platforms = append(platforms, d.Platform.String())
		image, err := images.Image(d.Digest)
		if err != nil {
			t.Fatal(err)
		}
		checkImage(t, image, d.Platform.Architecture)
		checkAttachment(t, all, top.Manifests[i+1], d.Digest)
	}
	if !slices.Equal(platforms, []string{"linux/amd64", "linux/arm64"}) {
		t.Errorf("platforms %v", platforms)
	}
}

func checkImage(t *testing.T, image v1.Image, architecture string) {
	t.Helper()
	c, err := image.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	if c.Architecture != architecture || c.OS != "linux" || c.Config.User != "65532:65532" ||
		!slices.Equal(c.Config.Entrypoint, []string{"/controller"}) || len(c.Config.Cmd) > 0 {
		t.Errorf("%+v", c)
	}
	if c.Config.Labels["org.opencontainers.image.version"] != "v1.2.3" ||
		c.Config.Labels["org.opencontainers.image.source"] != "https://example.com/lbc" ||
		c.Config.Labels["org.opencontainers.image.revision"] == "" {
		t.Errorf("labels %v", c.Config.Labels)
	}
	files := map[string]int64{}
	content := mutate.Extract(image)
	defer content.Close() //nolint:errcheck // only read
	for r := tar.NewReader(content); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.Uid != 0 || h.Gid != 0 {
			t.Errorf("%s belongs to %d:%d", h.Name, h.Uid, h.Gid)
		}
		if h.Typeflag == tar.TypeDir {
			continue
		}
		files[h.Name] = h.Mode
		if h.Name == "etc/ssl/certs/ca-certificates.crt" {
			text, err := io.ReadAll(r)
			if err != nil {
				t.Fatal(err)
			}
			n := 0
			for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
				n++
			}
			if n < 50 {
				t.Errorf("%d authorities", n)
			}
		}
	}
	if want := map[string]int64{"controller": 0o755, "lbc": 0o755, "etc/ssl/certs/ca-certificates.crt": 0o644,
		"licenses/LICENSE": 0o644}; !maps.Equal(files, want) {
		t.Errorf("the image has %v", files)
	}
	if layers, err := image.Layers(); err != nil || len(layers) != 3 {
		t.Errorf("%d layers, want those of authorities, controller and lbc: %v", len(layers), err)
	}
}

// checkAttachment holds that an artifact of the layout is the list of components of an image.
func checkAttachment(t *testing.T, all v1.ImageIndex, d v1.Descriptor, of v1.Hash) {
	t.Helper()
	artifact, err := all.Image(d.Digest)
	if err != nil {
		t.Fatal(err)
	}
	m, err := artifact.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	if m.Subject == nil || m.Subject.Digest != of || m.Config.MediaType != spdx || len(m.Layers) != 1 ||
		m.Layers[0].MediaType != spdx {
		t.Errorf("%+v is no list of components of %s", m, of)
	}
}

func TestComponentsAreThoseOfTheProgram(t *testing.T) {
	t.Parallel()
	info := &buildinfo.BuildInfo{GoVersion: "go1.26.8", Main: debug.Module{Path: "github.com/k8s-lbc/lbc"},
		Deps: []*debug.Module{
			{Path: "k8s.io/api", Version: "v0.36.2", Sum: "h1:x"}, {Path: "example.com/old", Version: "v1.0.0",
				Replace: &debug.Module{Path: "example.com/new", Version: "v1.0.1"}},
		}}
	other := &buildinfo.BuildInfo{GoVersion: "go1.26.8", Main: info.Main,
		Deps: append([]*debug.Module{{Path: "example.com/cli", Version: "v1.0.0"}}, info.Deps...)}
	text, err := components(source{version: "v1.2.3", platform: v1.Platform{OS: "linux", Architecture: "arm64"}},
		[]executable{{"/controller", []byte("program"), info}, {"/lbc", []byte("another"), other}}, time.Unix(0, 0).UTC())
	if err != nil {
		t.Fatal(err)
	}
	var d struct {
		SPDXVersion string `json:"spdxVersion"`
		Packages    []struct {
			ID   string `json:"SPDXID"`
			Refs []struct {
				Locator string `json:"referenceLocator"`
			} `json:"externalRefs"`
		} `json:"packages"`
		Relationships []struct {
			To string `json:"relatedSpdxElement"`
		} `json:"relationships"`
	}
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range d.Packages {
		got = append(got, p.Refs[0].Locator)
	}
	want := []string{"pkg:golang/github.com/k8s-lbc/lbc@v1.2.3#cmd/controller", "pkg:golang/stdlib@1.26.8",
		"pkg:golang/k8s.io/api@v0.36.2", "pkg:golang/example.com/new@v1.0.1",
		"pkg:golang/github.com/k8s-lbc/lbc@v1.2.3#cmd/lbc", "pkg:golang/example.com/cli@v1.0.0"}
	if d.SPDXVersion != "SPDX-2.3" || !slices.Equal(got, want) || len(d.Relationships) != 2+3+4 {
		t.Errorf("%s\ngot  %v\nwant %v", text, got, want)
	}
}

func TestWhatCannotRunInTheImageIsRefused(t *testing.T) {
	t.Parallel()
	script := filepath.Join(t.TempDir(), "controller")
	if err := os.WriteFile(script, []byte("#!/bin/sh\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	well := "," + binaries(t)["amd64"]
	for _, tt := range []struct{ binary, want string }{
		{"linux/arm64=" + binaries(t)["amd64"] + well, "is for EM_X86_64, not for linux/arm64"},
		{"linux/s390x=" + binaries(t)["amd64"] + well, "not for linux/s390x"},
		{"linux/amd64=" + binaries(t)["slow"] + well, "which are for the playground"},
		{"linux/amd64=" + script + well, "is no program for linux/amd64"},
		{"linux/amd64=" + script + ".absent" + well, "no such file"},
		{"linux/amd64=" + binaries(t)["amd64"] + "," + binaries(t)["slow"], "which are for the playground"},
		{"linux/amd64=" + binaries(t)["amd64"], "write OS/ARCHITECTURE=CONTROLLER,LBC"},
		{script, "write OS/ARCHITECTURE=CONTROLLER,LBC"},
	} {
		if err := run(release{version: "v1", binaries: []string{tt.binary}}, filepath.Join(t.TempDir(), "image"), "",
			io.Discard); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %q", tt.binary, err, tt.want)
		}
	}
}

func TestAnImageIsCopiedToARegistryWithItsComponents(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0)), registry.WithReferrersSupport(true)))
	defer s.Close()
	ref := strings.TrimPrefix(s.URL, "http://") + "/lbc:v1"
	first := release{version: "v1", binaries: []string{"linux/amd64=" + binaries(t)["amd64"] + "," + binaries(t)["amd64"]}}
	if err := run(first, filepath.Join(t.TempDir(), "image"), ref, io.Discard); err != nil {
		t.Fatal(err)
	}
	r, err := name.ParseReference(ref)
	if err != nil {
		t.Fatal(err)
	}
	image, err := remote.Image(r, remote.WithPlatform(v1.Platform{OS: "linux", Architecture: "amd64"}))
	if err != nil {
		t.Fatal(err)
	}
	digest, err := image.Digest()
	if err != nil {
		t.Fatal(err)
	}
	referrers, err := remote.Referrers(r.Context().Digest(digest.String()))
	if err != nil {
		t.Fatal(err)
	}
	m, err := referrers.IndexManifest()
	if err != nil || len(m.Manifests) != 1 {
		t.Fatalf("%v, %v", m, err)
	}
	artifact, err := remote.Image(r.Context().Digest(m.Manifests[0].Digest.String()))
	if err != nil {
		t.Fatal(err)
	}
	layers, err := artifact.Layers()
	if err != nil {
		t.Fatal(err)
	}
	content, err := layers[0].Compressed()
	if err != nil {
		t.Fatal(err)
	}
	defer content.Close() //nolint:errcheck // only read
	if text, err := io.ReadAll(content); err != nil || !bytes.Contains(text, []byte("pkg:golang/stdlib@")) {
		t.Errorf("%s, %v", text, err)
	}
}
