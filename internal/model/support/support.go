// Package support has the versions of Kubernetes that this version of the controller supports. The chart,
// docs/support.md, lbc doctor and the tests of expressions use this list, or a test compares them with it.
package support

import (
	"fmt"
	"strings"
)

// Version is a minor version of Kubernetes.
type Version struct{ Major, Minor int }

// String returns the version as 1.36.
func (v Version) String() string { return fmt.Sprintf("%d.%d", v.Major, v.Minor) }

// Before reports whether the version is older than another one.
func (v Version) Before(other Version) bool {
	return v.Major < other.Major || v.Major == other.Major && v.Minor < other.Minor
}

// Parse reads the minor version of a version such as v1.36.3-eks-1. It is false for what is no version, such as that of
// a build without a release.
func Parse(text string) (v Version, ok bool) {
	n, err := fmt.Sscanf(strings.TrimPrefix(text, "v"), "%d.%d", &v.Major, &v.Minor)
	return v, n == 2 && err == nil && v.Major > 0
}

// Test is how releases are tested with a version of Kubernetes.
type Test string

// The tests, each of which includes those below it.
const (
	// Cluster means that all end-to-end tests run with an API server of the version.
	Cluster Test = "all end-to-end tests"
	// Emulated means that an API server that emulates the version takes the definitions and the objects of the chart.
	Emulated Test = "installation, on an API server that emulates this version"
	// Expressions means that the version's CEL compiler takes all expressions, and the chart is rendered for the version.
	Expressions Test = "chart and CEL expressions, by the API server's library"
)

// Release is a supported version.
type Release struct {
	Version
	Test Test
}

// Kubernetes are the supported versions, the oldest one first.
var Kubernetes = []Release{
	{Version{1, 29}, Expressions},
	{Version{1, 30}, Expressions},
	{Version{1, 31}, Expressions},
	{Version{1, 32}, Expressions},
	{Version{1, 33}, Expressions},
	{Version{1, 34}, Emulated},
	{Version{1, 35}, Emulated},
	{Version{1, 36}, Emulated},
	{Version{1, 37}, Cluster},
}

// Oldest returns the oldest supported version.
func Oldest() Release { return Kubernetes[0] }

// Newest returns the newest supported version.
func Newest() Release { return Kubernetes[len(Kubernetes)-1] }
