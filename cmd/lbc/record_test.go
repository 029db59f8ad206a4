package main

import (
	"context"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/k8s-lbc/lbc/awssim"
	"github.com/k8s-lbc/lbc/internal/aws/apply"
	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/aws/inventory"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/lbc/offline"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// noBindings pretends to write TargetGroupBindings.
type noBindings struct{}

func (noBindings) CreateBinding(context.Context, stack.Binding) error             { return nil }
func (noBindings) UpdateBinding(context.Context, stack.Binding) error             { return nil }
func (noBindings) DeleteBinding(context.Context, string, string) error            { return nil }
func (noBindings) ReleaseBinding(context.Context, string, string, []string) error { return nil }

// simulated is an account of the simulator, and its clients.
func simulated(t *testing.T) (*awssim.Simulator, awsclient.Clients) {
	t.Helper()
	sim, err := awssim.New(awssim.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sim.Close() })
	return sim, awsclient.Clients{ELBV2: sim.Balancing, EC2: sim.Compute, ACM: sim.Trust, STS: sim.Identity,
		WAFv2: sim.Firewall, Shield: sim.Shield}
}

// planned are the plans of the stacks of a file against an account, in a cluster that holds what in does, and the
// inventory of the account. Edit, if it is not nil, changes what was read.
func planned(t *testing.T, clients awsclient.Clients, file string, in offline.Cluster, edit func(*inputs, *source)) (
	[]offline.Result, *inventory.Inventory) {
	t.Helper()
	var i inputs
	i.flags(&cobra.Command{}) // for the defaults
	i.files = []string{file}
	src, err := i.open(t.Context(), os.Stderr, strings.NewReader(""))
	if err != nil {
		t.Fatal(err)
	}
	defer src.close()
	if edit != nil {
		edit(&i, src)
	}
	inv := inventory.New(clients, inventory.Config{Cluster: i.config.ClusterName, VPC: i.config.VPC, Now: time.Now,
		AddOnTimeout: time.Minute})
	got, err := offline.Planner{Account: inv, Config: &i.config, Cluster: in}.Plans(t.Context(), objects.New(src.reader),
		func(stack.Key) bool { return true })
	if err != nil {
		t.Fatal(err)
	}
	return got.Stacks, inv
}

// deploy carries out the plans of a file in a simulated account.
func deploy(t *testing.T, clients awsclient.Clients, file string) {
	t.Helper()
	all, inv := planned(t, clients, file, offline.Cluster{}, nil)
	for _, r := range all {
		res := apply.Run(t.Context(), r.Plan, apply.Deps{Clients: clients, Inventory: inv, Bindings: noBindings{},
			Now: time.Now})
		for id, o := range res.Outcomes {
			if o.State != apply.Done { // or what is recorded is not what was meant to be
				t.Fatalf("%s is %s: %v %s", id, o.State, o.Err, o.On)
			}
		}
	}
}

// useSimulated lets lbc use a simulated account in place of AWS.
func useSimulated(t *testing.T, sim *awssim.Simulator) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(sim.Handler())
	t.Cleanup(server.Close)
	for k, v := range map[string]string{
		"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "the-secret-key", "AWS_ENDPOINT_URL": server.URL,
		"AWS_EC2_METADATA_DISABLED": "true",
		"AWS_CONFIG_FILE":           "/nonexistent", "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
	} {
		t.Setenv(k, v)
	}
	return server
}

func TestARecordingAnswersLikeTheAccount(t *testing.T) {
	sim, clients := simulated(t)
	deploy(t, clients, "testdata/settings.yaml")
	server := useSimulated(t, sim)
	file := filepath.Join(t.TempDir(), "recorded.json")
	out, errOut, err := lbc(t, "", "record", file, "--cluster-name", "demo-cluster", "--aws-region", "us-west-2",
		"--aws-vpc-id", "vpc-0a1de000000000001",
		"--feature-gates", "EnableCertificateManagement=true")
	if err != nil {
		t.Fatalf("%v %s %s", err, out, errOut)
	}
	server.Close()
	for _, k := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"} {
		t.Setenv(k, "")
	}
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(content), "AKIDEXAMPLE") || strings.Contains(string(content), "the-secret-key") {
		t.Error("the recording holds credentials")
	}

	// What was deployed needs nothing of AWS any more; bindings are the cluster's, which is not there.
	out, _, err = lbc(t, "", "plan", "-f", "testdata/settings.yaml", "--account", file)
	if err != nil || !strings.Contains(out, "2 to create, 0 to change, 0 to replace, 0 to delete") ||
		strings.Count(out, "CreateBinding") != 2 {
		t.Errorf("%v\n%s", err, out)
	}

	// An edit asks for more than what was managed before, and is answered.
	edited, err := os.ReadFile("testdata/settings.yaml")
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Replace(string(edited), "success-codes: 200-299",
		"success-codes: 200-399\n    alb.ingress.kubernetes.io/target-group-attributes: "+
			"deregistration_delay.timeout_seconds=10"+
			"\n    alb.ingress.kubernetes.io/listener-attributes.HTTP-80: routing.http.response.server.enabled=false", 1)
	out, _, err = lbc(t, text, "plan", "-f", "-", "--account", file, "--exit-code")
	if err == nil || err.Error() != "" {
		t.Fatalf("error = %v\n%s", err, out)
	}
	for _, want := range []string{"ModifyTargetGroupAttributes", "deregistration_delay.timeout_seconds 300 → 10",
		"ModifyListenerAttributes", "200-299 → 200-399"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing in:\n%s", want, out)
		}
	}

	out, errOut, err = lbc(t, "", "explain", "ingress", "web/settings", "-f", "testdata/settings.yaml", "--account", file,
		"--request", "http://api.example.com/v1/y")
	if err != nil || !strings.Contains(out, "no targets: requests are answered with 503") {
		t.Errorf("%v\n%s%s", err, out, errOut)
	}
	// Hosted zones and certificates are recorded with the gate that needs them.
	if out, _, err = lbc(t, ownCertificate, "plan", "-", "--account", file, "--feature-gates",
		"EnableCertificateManagement=true"); err != nil ||
		!strings.Contains(out, "amazon_issued/shop.example.com-5be479ca  RequestCertificate") {
		t.Errorf("%v\n%s", err, out)
	}
	if _, _, err = lbc(t, "", "plan", "-f", "testdata/settings.yaml", "--account", file, "--aws-vpc-id",
		"vpc-other"); err == nil || !strings.Contains(err.Error(), "--aws-vpc-id is vpc-other, and the recording ") {
		t.Errorf("another VPC: %v", err)
	}
	elsewhere := filepath.Join(t.TempDir(), "elsewhere.json")
	if err := os.WriteFile(elsewhere, regexp.MustCompile(`"vpc": *"[^"]*"`).ReplaceAll(content,
		[]byte(`"vpc": "vpc-other"`)), 0o600); err != nil {
		t.Fatal(err)
	}
	out, _, err = lbc(t, "", "plan", "-f", "testdata/settings.yaml", "--account", elsewhere, "--cluster-name", "other")
	if err == nil || !strings.Contains(out, "has no response to this ") {
		t.Errorf("a question that was not recorded: %v\n%s", err, out)
	}
}

func TestRecordNeedsOneFile(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"record"}, {"record", "a.json", "b.json"}} {
		if _, _, err := lbc(t, "", args...); err == nil || !strings.Contains(err.Error(), "name one file to write") {
			t.Errorf("%v: %v", args, err)
		}
	}
}
