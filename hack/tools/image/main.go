// Command image makes the container image of the controller: an OCI layout with an image for each platform, made of the
// controller and lbc as static binaries, each in a layer of its own, the authorities that web servers' certificates are
// checked with, and licences. The same binaries make the same bytes. With -push it is copied to a registry, too.
//
//	image -version v1.2.3 -out dist/image linux/amd64=bin/linux-amd64/controller,bin/linux-amd64/lbc \
//		linux/arm64=bin/linux-arm64/controller,bin/linux-arm64/lbc
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

func main() {
	var r release
	flag.StringVar(&r.version, "version", "", "version of the controller")
	out := flag.String("out", "", "directory for the layout, made anew")
	flag.StringVar(&r.licenses, "licenses", "", "files for /licenses, separated by commas")
	flag.StringVar(&r.source, "source", "", "URL of the source code")
	push := flag.String("push", "", "name in a registry to copy the image to, such as registry.example.com/lbc:v1.2.3")
	flag.Parse()
	r.binaries = flag.Args()
	if err := run(r, *out, *push, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "image:", err)
		os.Exit(1)
	}
}

// release is a version of the controller whose images are built.
type release struct {
	version  string
	source   string   // URL of the source code; may be empty
	licenses string   // paths of files for /licenses, separated by commas
	binaries []string // of each platform, as OS/ARCHITECTURE=CONTROLLER,LBC
}

// run writes a release to the directory out, and copies it to push unless that is empty.
func run(r release, out, push string, stdout io.Writer) error {
	if r.version == "" || out == "" || len(r.binaries) == 0 {
		return fmt.Errorf("name -version, -out and binaries, as linux/amd64=CONTROLLER,LBC")
	}
	images, err := r.images()
	if err != nil {
		return err
	}
	digest, err := write(out, r.version, images)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(stdout, "%s: %s\n", out, digest); err != nil {
		return err
	}
	for _, b := range images {
		digest, err := b.image.Digest()
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(stdout, "%s, %s: %s\n", out, b.platform, digest); err != nil {
			return err
		}
	}
	if push == "" {
		return nil
	}
	return copyTo(push, images)
}

// images builds the image of each platform.
func (r release) images() ([]built, error) {
	var images []built
	for _, b := range r.binaries {
		platform, paths, ok := strings.Cut(b, "=")
		controller, lbc, both := strings.Cut(paths, ",")
		if !ok || !both {
			return nil, fmt.Errorf("%q names no binaries: write OS/ARCHITECTURE=CONTROLLER,LBC", b)
		}
		p, err := v1.ParsePlatform(platform)
		if err != nil {
			return nil, err
		}
		s := source{version: r.version, platform: *p, binary: controller, lbc: lbc, url: r.source}
		if r.licenses != "" {
			s.licenses = strings.Split(r.licenses, ",")
		}
		image, err := s.build()
		if err != nil {
			return nil, err
		}
		images = append(images, image)
	}
	return images, nil
}

// write makes a layout with the index of all platforms, and beside it the list of components of each image, which the
// layout has, too.
func write(out, version string, images []built) (v1.Hash, error) {
	if err := os.RemoveAll(out); err != nil {
		return v1.Hash{}, err
	}
	l, err := layout.Write(out, empty.Index)
	if err != nil {
		return v1.Hash{}, err
	}
	all := index(images)
	if err := l.AppendIndex(all,
		layout.WithAnnotations(map[string]string{"org.opencontainers.image.ref.name": version})); err != nil {
		return v1.Hash{}, err
	}
	for _, b := range images {
		a, err := b.attachment()
		if err != nil {
			return v1.Hash{}, err
		}
		if err := l.AppendImage(a); err != nil {
			return v1.Hash{}, err
		}
		name := fmt.Sprintf("%s-sbom-%s-%s.spdx.json", filepath.Clean(out), b.platform.OS, b.platform.Architecture)
		if err := os.WriteFile(name, b.sbom, 0o644); err != nil { //nolint:gosec // published
			return v1.Hash{}, err
		}
	}
	return all.Digest()
}

// copyTo writes the image and its lists of components to a registry, with the credentials of the user's configuration
// of Docker.
func copyTo(ref string, images []built) error {
	to, err := name.ParseReference(ref)
	if err != nil {
		return err
	}
	options := remote.WithAuthFromKeychain(authn.DefaultKeychain)
	if err := remote.WriteIndex(to, index(images), options); err != nil {
		return err
	}
	for _, b := range images {
		a, err := b.attachment()
		if err != nil {
			return err
		}
		digest, err := a.Digest()
		if err != nil {
			return err
		}
		if err := remote.Write(to.Context().Digest(digest.String()), a, options); err != nil {
			return err
		}
	}
	return nil
}
