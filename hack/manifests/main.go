// Command manifests joins the files of config/ into what a release publishes for kubectl apply: everything, the
// IngressClass, and the definitions by their groups. With -kustomization it writes config/kustomization.yaml instead,
// the base for kustomize, which lists the same files.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

func main() {
	dir := flag.String("config", "config", "directory of the sources")
	kustomization := flag.Bool("kustomization", false, "write the base for kustomize")
	out := flag.String("out", "dist", "directory to write to")
	version := flag.String("version", "", "version of the controller, as v1.2.3")
	image := flag.String("image", "", "image of the controller with its tag or digest")
	flag.Parse()
	var err error
	if *kustomization {
		err = writeKustomization(*dir)
	} else {
		err = writeManifests(*dir, *out, *version, *image)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "manifests:", err)
		os.Exit(1)
	}
}

// parts are the directories of an installation, in the order in which their objects are applied.
var parts = []string{"crd", "rbac", "webhook", "controller"}

// sources are the files of an installation.
func sources(dir string) ([]string, error) {
	var all []string
	for _, part := range parts {
		files, err := filepath.Glob(filepath.Join(dir, part, "*.yaml"))
		if err != nil {
			return nil, err
		}
		if len(files) == 0 {
			return nil, fmt.Errorf("%s has no manifests", filepath.Join(dir, part))
		}
		all = append(all, files...)
	}
	return all, nil
}

func writeKustomization(dir string) error {
	files, err := sources(dir)
	if err != nil {
		return err
	}
	var b strings.Builder
	b.WriteString(
		`# Written by make generate. The base for kustomize: an overlay names the cluster (--cluster-name) and the image.
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources:
`)
	for _, f := range files {
		rel, err := filepath.Rel(dir, f)
		if err != nil {
			return err
		}
		fmt.Fprintf(&b, "- %s\n", filepath.ToSlash(rel))
	}
	return os.WriteFile(filepath.Join(dir, "kustomization.yaml"), []byte(b.String()), 0o644) //nolint:gosec // published
}

// placeholder is the image in the sources.
const placeholder = "image: controller\n"

func writeManifests(dir, out, version, image string) error {
	if version == "" || image == "" {
		return fmt.Errorf("name -version and -image")
	}
	files, err := sources(dir)
	if err != nil {
		return err
	}
	full, err := joined(files)
	if err != nil {
		return err
	}
	if strings.Count(full, placeholder) != 1 {
		return fmt.Errorf("%s has not one %q", dir, placeholder)
	}
	class, err := joined([]string{filepath.Join(dir, "ingclass", "ingclass.yaml")})
	if err != nil {
		return err
	}
	prefix := strings.ReplaceAll(version, ".", "_")
	texts := map[string]string{
		prefix + "_full.yaml":     strings.Replace(full, placeholder, "image: "+image+"\n", 1),
		prefix + "_ingclass.yaml": class,
	}
	for name, group := range map[string]string{"crds.yaml": "elbv2.k8s.aws", "gateway-crds.yaml": "gateway.k8s.aws",
		"aga-crds.yaml": "aga.k8s.aws"} {
		of := slices.DeleteFunc(slices.Clone(files), func(f string) bool {
			return !strings.HasPrefix(filepath.Base(f), group+"_")
		})
		if len(of) == 0 {
			continue // no such kind in this version
		}
		if texts[name], err = joined(of); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(out, 0o755); err != nil { //nolint:gosec // published
		return err
	}
	for name, text := range texts {
		if err := os.WriteFile(filepath.Join(out, name), []byte(text), 0o644); err != nil { //nolint:gosec // published
			return err
		}
	}
	return nil
}

// joined are files as documents of one.
func joined(files []string) (string, error) {
	var b strings.Builder
	for _, f := range files {
		text, err := os.ReadFile(f) //nolint:gosec // ours
		if err != nil {
			return "", err
		}
		if s := strings.TrimSpace(string(text)); strings.HasPrefix(s, "---") {
			fmt.Fprintln(&b, s)
		} else {
			fmt.Fprintf(&b, "---\n%s\n", s)
		}
	}
	return b.String(), nil
}
