// Package crd holds the definitions of the controller's custom resources, for programs that compare a cluster's with them. controller-gen writes
// the files. It imports the standard library only.
package crd

import "embed"

// Files are the definitions, one YAML file each.
//
//go:embed *.yaml
var Files embed.FS
