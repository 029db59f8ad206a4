// Package gatewayapi holds what a cluster needs for Gateways: the definitions of the Gateway API, standard channel, in
// the version that the controller is built with, and a GatewayClass for each of its controller names. It installs
// nothing and imports only the manifest package.
package gatewayapi

import (
	"embed"
	"path"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/k8s-lbc/lbc/playground/manifest"
)

// definitions are those of the module sigs.k8s.io/gateway-api without descriptions, which are four fifths of them and
// cost seconds at each start. They also serve version v1alpha2 of TCPRoutes, UDPRoutes and TLSRoutes, and v1alpha3 of
// TLSRoutes. "make generate" writes them.
//
//go:embed crd/*.yaml
var definitions embed.FS

//go:embed classes.yaml
var classes []byte

// Group is the API group of the controller's own kinds for Gateways.
const Group = "gateway.k8s.aws"

// Definitions are the CustomResourceDefinitions of the Gateway API.
func Definitions() ([]*unstructured.Unstructured, error) {
	entries, err := definitions.ReadDir("crd")
	if err != nil {
		return nil, err
	}
	var all []*unstructured.Unstructured
	for _, e := range entries {
		name := path.Join("crd", e.Name())
		content, err := definitions.ReadFile(name)
		if err != nil {
			return nil, err
		}
		objects, err := manifest.Parse(name, content)
		if err != nil {
			return nil, err
		}
		all = append(all, objects...)
	}
	return all, nil
}

// Classes are the GatewayClasses alb, nlb and auto.
func Classes() ([]*unstructured.Unstructured, error) {
	return manifest.Parse("classes.yaml", classes)
}

// IsOwn reports whether a CustomResourceDefinition defines one of the controller's own kinds for Gateways.
func IsOwn(crd *unstructured.Unstructured) bool {
	group, _, _ := unstructured.NestedString(crd.Object, "spec", "group")
	return group == Group
}
