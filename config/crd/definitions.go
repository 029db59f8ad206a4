// Package crd holds the definitions of custom resources: the YAML files beside this one, which make generate writes from package api. It imports
// nothing of ours.
package crd

import "embed"

// Gateways are the definitions of the kinds that configure Gateways.
//
//go:embed gateway.k8s.aws_*.yaml
var Gateways embed.FS

// All are the definitions of every kind.
//
//go:embed *.yaml
var All embed.FS
