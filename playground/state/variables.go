package state

import (
	"fmt"
	"slices"
	"strings"
)

// UserKey is the access key with which variables have programs call the simulated account.
const UserKey = "AKIAPLAYGROUNDUSER01"

// Variables point other programs at the cluster and the account, as NAME=VALUE. Those without a value are to be unset:
// together they replace all that could lead to an account of the user's own.
func (e Endpoints) Variables() []string {
	return []string{
		"KUBECONFIG=" + e.Kubeconfig, "CLUSTER_NAME=" + e.Cluster, "VPC_ID=" + e.VPC,
		"AWS_ENDPOINT_URL=" + e.Simulator, "AWS_REGION=" + e.Region, "AWS_DEFAULT_REGION=" + e.Region,
		"AWS_ACCESS_KEY_ID=" + UserKey, "AWS_SECRET_ACCESS_KEY=playground", "AWS_EC2_METADATA_DISABLED=true",
		"AWS_PROFILE=", "AWS_SESSION_TOKEN=",
		"LBC_FLAGS=" + strings.Join(e.controllerFlags(), " "),
		// A file of the user's cannot turn on what does not go with an endpoint.
		"AWS_USE_FIPS_ENDPOINT=false", "AWS_USE_DUALSTACK_ENDPOINT=false", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=false",
	}
}

// controllerFlags are the flags of the controller by which lbc finds the account and the controller's own objects. lbc
// prefers those of the controller's Deployment, which only a playground from the chart has.
func (e Endpoints) controllerFlags() []string {
	return []string{"--cluster-name=" + e.Cluster, "--aws-region=" + e.Region, "--aws-vpc-id=" + e.VPC,
		"--leader-election-namespace=kube-system"}
}

// Assignments are the variables for a POSIX shell.
func (e Endpoints) Assignments() string {
	var b strings.Builder
	for _, v := range e.Variables() {
		name, value, _ := strings.Cut(v, "=")
		if value == "" {
			fmt.Fprintln(&b, "unset", name)
		} else {
			fmt.Fprintf(&b, "export %s='%s'\n", name, value)
		}
	}
	return b.String()
}

// Environ is an environment with the variables instead of those of their names, and without endpoints of single
// services.
func (e Endpoints) Environ(of []string) []string {
	vars := e.Variables()
	name := func(v string) string { n, _, _ := strings.Cut(v, "="); return n }
	out := slices.DeleteFunc(slices.Clone(of), func(v string) bool {
		return strings.HasPrefix(v, "AWS_ENDPOINT_URL_") || slices.ContainsFunc(vars, func(x string) bool {
			return name(x) == name(v)
		})
	})
	return append(out, slices.DeleteFunc(vars, func(v string) bool { return strings.HasSuffix(v, "=") })...)
}
