package state

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// TestProgramsAndShellsGetTheSameVariablesAndNothingOfTheUsers compares the environment for programs with that of a
// shell that evaluates the assignments.
func TestProgramsAndShellsGetTheSameVariablesAndNothingOfTheUsers(t *testing.T) {
	t.Parallel()
	e := Endpoints{Kubeconfig: "/s s/admin.kubeconfig", Simulator: "http://127.0.0.1:1", Region: "us-west-2", VPC: "vpc-1",
		Cluster: "demo"}
	users := []string{"PATH=/bin:/usr/bin", "AWS_PROFILE=prod", "AWS_SESSION_TOKEN=x", "AWS_ACCESS_KEY_ID=theirs",
		"KUBECONFIG=/theirs", "AWS_USE_FIPS_ENDPOINT=true"}
	want := []string{
		"AWS_ACCESS_KEY_ID=AKIAPLAYGROUNDUSER01", "AWS_DEFAULT_REGION=us-west-2", "AWS_EC2_METADATA_DISABLED=true",
		"AWS_ENDPOINT_URL=http://127.0.0.1:1", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=false", "AWS_REGION=us-west-2",
		"AWS_SECRET_ACCESS_KEY=playground", "AWS_USE_DUALSTACK_ENDPOINT=false", "AWS_USE_FIPS_ENDPOINT=false",
		"CLUSTER_NAME=demo", "KUBECONFIG=/s s/admin.kubeconfig",
		"LBC_FLAGS=--cluster-name=demo --aws-region=us-west-2 --aws-vpc-id=vpc-1 --leader-election-namespace=kube-system",
		"PATH=/bin:/usr/bin", "VPC_ID=vpc-1",
	}
	service := append(slices.Clone(users), "AWS_ENDPOINT_URL_S3=https://theirs.example.com")
	if got := slices.Sorted(slices.Values(e.Environ(service))); !slices.Equal(got, want) {
		t.Errorf("programs: %q", got)
	}
	cmd := exec.CommandContext(t.Context(), "/bin/sh", "-c", e.Assignments()+"env")
	cmd.Env = users
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	got := slices.DeleteFunc(strings.Split(strings.TrimSpace(string(out)), "\n"), func(v string) bool {
		return strings.HasPrefix(v, "PWD=") || strings.HasPrefix(v, "_=") || strings.HasPrefix(v, "SHLVL=") ||
			strings.HasPrefix(v, "OLDPWD=")
	})
	if slices.Sort(got); !slices.Equal(got, want) {
		t.Errorf("a shell: %q", got)
	}
}
