package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

const krewHead = `apiVersion: krew.googlecontainertools.github.com/v1alpha2
kind: Plugin
metadata:
  name: lbc
spec:
  version: %s
  homepage: %s
  shortDescription: Show what the AWS Load Balancer Controller would do, and why
  description: |
    Plans, explains and checks the load balancers that Ingresses, Services and Gateways declare,
    examines a cluster and its AWS account, and lists what they have left behind.
  platforms:
`

const krewPlatform = `  - selector:
      matchLabels:
        os: %s
        arch: %s
    uri: %s/releases/download/%s/%s
    sha256: %s
    bin: lbc
`

// krew writes the manifest by which krew installs the archives of lbc as a plugin of kubectl.
func (r *release) krew() error {
	prefix := "lbc_" + r.version + "_"
	archives, err := filepath.Glob(filepath.Join(r.out, prefix+"*.tar.gz"))
	if err != nil {
		return err
	}
	var b strings.Builder
	fmt.Fprintf(&b, krewHead, r.version, r.url)
	for _, path := range archives {
		content, err := os.ReadFile(path) //nolint:gosec // ours
		if err != nil {
			return err
		}
		name, sum := filepath.Base(path), sha256.Sum256(content)
		system, machine, _ := strings.Cut(strings.TrimSuffix(strings.TrimPrefix(name, prefix), ".tar.gz"), "_")
		fmt.Fprintf(&b, krewPlatform, system, machine, r.url, r.version, name, hex.EncodeToString(sum[:]))
	}
	return os.WriteFile(filepath.Join(r.out, "krew.yaml"), []byte(b.String()), 0o644) //nolint:gosec // published
}
