package main

import (
	"archive/tar"
	"bytes"
	"debug/buildinfo"
	"debug/elf"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"golang.org/x/crypto/x509roots/fallback/bundle"
)

const (
	user        = "65532:65532" // numeric, as runAsNonRoot needs it
	entrypoint  = "/controller"
	commandLine = "/lbc"
	authorities = "etc/ssl/certs/ca-certificates.crt"
	spdx        = types.MediaType("application/spdx+json")
)

// source is the content of an image.
type source struct {
	version  string
	platform v1.Platform
	binary   string   // path of the controller
	lbc      string   // path of the command line, for the check before an upgrade
	licenses []string // paths of files for /licenses
	url      string   // of the source code; may be empty
}

// built is an image with its list of components.
type built struct {
	platform v1.Platform
	image    v1.Image
	sbom     []byte
}

// machines are what the headers of binaries have for an architecture.
var machines = map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}

// build makes the image of one platform. The same files make the same bytes.
func (s source) build() (built, error) {
	controller, err := s.read(entrypoint, s.binary)
	if err != nil {
		return built{}, err
	}
	lbc, err := s.read(commandLine, s.lbc)
	if err != nil {
		return built{}, err
	}
	created, revision := provenance(controller.info)
	layers := make([]mutate.Addendum, 0, 3)
	roots, err := s.roots(created)
	if err != nil {
		return built{}, err
	}
	programs := []executable{controller, lbc}
	add := func(l v1.Layer, by string) {
		layers = append(layers, mutate.Addendum{
			Layer: l, MediaType: types.OCILayer, History: v1.History{CreatedBy: "hack/tools/image", Comment: by,
				Created: v1.Time{Time: created}},
		})
	}
	add(roots, "certificate authorities and licences")
	for _, p := range programs {
		l, err := layer(created, file{path: strings.TrimPrefix(p.path, "/"), content: p.content, mode: 0o755})
		if err != nil {
			return built{}, err
		}
		add(l, strings.TrimPrefix(p.path, "/")+" "+s.version)
	}
	image, err := mutate.Append(mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1),
		types.OCIConfigJSON), layers...)
	if err != nil {
		return built{}, err
	}
	config, err := image.ConfigFile()
	if err != nil {
		return built{}, err
	}
	config = config.DeepCopy()
	config.OS, config.Architecture, config.Variant = s.platform.OS, s.platform.Architecture, s.platform.Variant
	config.Created = v1.Time{Time: created}
	config.Config = v1.Config{
		Entrypoint: []string{entrypoint}, User: user, WorkingDir: "/", Labels: s.labels(created, revision),
		Env:          []string{"PATH=/", "SSL_CERT_FILE=/" + authorities},
		ExposedPorts: map[string]struct{}{"9443/tcp": {}, "8080/tcp": {}, "61779/tcp": {}},
	}
	if image, err = mutate.ConfigFile(image, config); err != nil {
		return built{}, err
	}
	sbom, err := components(s, programs, created)
	return built{platform: s.platform, image: image, sbom: sbom}, err
}

// executable is a program of the image.
type executable struct {
	path    string // in the image
	content []byte
	info    *buildinfo.BuildInfo
}

// read reads and inspects a binary.
func (s source) read(path, from string) (executable, error) {
	content, err := os.ReadFile(from) //nolint:gosec // named by the caller
	if err != nil {
		return executable{}, err
	}
	info, err := s.inspect(content)
	if err != nil {
		return executable{}, fmt.Errorf("%s: %w", from, err)
	}
	return executable{path, content, info}, nil
}

// inspect refuses binaries that do not run in an image without libraries, and those of a playground's build.
func (s source) inspect(content []byte) (*buildinfo.BuildInfo, error) {
	f, err := elf.NewFile(bytes.NewReader(content))
	if err != nil {
		return nil, fmt.Errorf("is no program for %s: %w", s.platform, err)
	}
	if want := machines[s.platform.Architecture]; f.Machine != want || want == 0 {
		return nil, fmt.Errorf("is for %s, not for %s", f.Machine, s.platform)
	}
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			return nil, errors.New("is linked dynamically: build it with CGO_ENABLED=0")
		}
	}
	info, err := buildinfo.Read(bytes.NewReader(content))
	if err != nil {
		return nil, err
	}
	for _, b := range info.Settings {
		if b.Key == "-gcflags" && b.Value != "" {
			return nil, fmt.Errorf("was compiled with -gcflags=%s, which are for the playground: build it by make image",
				b.Value)
		}
	}
	return info, nil
}

// provenance is the time and the name of the commit that a binary was built from.
func provenance(info *buildinfo.BuildInfo) (created time.Time, revision string) {
	created, revision = time.Unix(0, 0).UTC(), "unknown"
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.time":
			if t, err := time.Parse(time.RFC3339, s.Value); err == nil {
				created = t.UTC()
			}
		case "vcs.revision":
			revision = s.Value
		}
	}
	return created, revision
}

func (s source) labels(created time.Time, revision string) map[string]string {
	labels := map[string]string{
		"org.opencontainers.image.title":       "aws-load-balancer-controller",
		"org.opencontainers.image.description": "Load balancers for Kubernetes on AWS",
		"org.opencontainers.image.version":     s.version,
		"org.opencontainers.image.revision":    revision,
		"org.opencontainers.image.created":     created.Format(time.RFC3339),
		"org.opencontainers.image.licenses":    "Apache-2.0",
	}
	if s.url != "" {
		labels["org.opencontainers.image.source"] = s.url
	}
	return labels
}

// roots is the layer of what is beside the program.
func (s source) roots(created time.Time) (v1.Layer, error) {
	var b bytes.Buffer
	for root := range bundle.Roots() {
		if root.Constraint != nil { // a file cannot say it
			continue
		}
		if err := pem.Encode(&b, &pem.Block{Type: "CERTIFICATE", Bytes: root.Certificate}); err != nil {
			return nil, err
		}
	}
	files := []file{{path: authorities, content: b.Bytes(), mode: 0o644}}
	for _, l := range s.licenses {
		content, err := os.ReadFile(l)
		if err != nil {
			return nil, err
		}
		files = append(files, file{path: "licenses/" + path.Base(l), content: content, mode: 0o644})
	}
	return layer(created, files...)
}

type file struct {
	path    string
	content []byte
	mode    int64
}

// layer has files and their directories, which belong to root, so that the program cannot write them.
func layer(created time.Time, files ...file) (v1.Layer, error) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	made := map[string]bool{}
	add := func(h tar.Header, content []byte) error {
		h.ModTime, h.Format, h.Size = created, tar.FormatPAX, int64(len(content))
		if err := w.WriteHeader(&h); err != nil {
			return err
		}
		_, err := w.Write(content)
		return err
	}
	for _, f := range files {
		parts := strings.Split(f.path, "/")
		for i := 1; i < len(parts); i++ {
			dir := strings.Join(parts[:i], "/") + "/"
			if made[dir] {
				continue
			}
			made[dir] = true
			if err := add(tar.Header{Typeflag: tar.TypeDir, Name: dir, Mode: 0o755}, nil); err != nil {
				return nil, err
			}
		}
		if err := add(tar.Header{Typeflag: tar.TypeReg, Name: f.path, Mode: f.mode}, f.content); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b.Bytes())), nil },
		tarball.WithMediaType(types.OCILayer))
}

// index joins the images of all platforms.
func index(images []built) v1.ImageIndex {
	var adds []mutate.IndexAddendum
	for _, b := range images {
		adds = append(adds, mutate.IndexAddendum{Add: b.image, Descriptor: v1.Descriptor{Platform: &b.platform}})
	}
	return mutate.AppendManifests(mutate.IndexMediaType(empty.Index, types.OCIImageIndex), adds...)
}

// attachment is the list of components of an image as an artifact that refers to it.
func (b built) attachment() (v1.Image, error) {
	artifact, err := mutate.Append(mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), spdx),
		mutate.Addendum{Layer: static.NewLayer(b.sbom, spdx), MediaType: spdx})
	if err != nil {
		return nil, err
	}
	of, err := partial.Descriptor(b.image)
	if err != nil {
		return nil, err
	}
	of.Platform = nil
	referring, ok := mutate.Subject(artifact, *of).(v1.Image)
	if !ok {
		return nil, errors.New("an image with a subject is no image")
	}
	return referring, nil
}
