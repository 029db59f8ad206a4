package conformance

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/playground/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }

// runVariable asks for the comparison: "all", or the names of runs, separated by commas.
const runVariable = "LBC_CONFORMANCE"

// longestRun bounds the suite.
const longestRun = 30 * time.Minute

// classConfiguration has the classes make load balancers that the suite's clients reach, with pods as targets; those
// behind an ALB get the Host of requests with its port, as the suite wants it, and match a Host with a port. The
// certificates of the suite are in Secrets, which the controller's manifests give no right to read.
const classConfiguration = `
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: conformance-secrets}
rules: [{apiGroups: [""], resources: [secrets], verbs: [get, list, watch]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: conformance-secrets}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: conformance-secrets}
subjects: [{kind: ServiceAccount, name: aws-load-balancer-controller, namespace: kube-system}]
---
apiVersion: v1
kind: Namespace
metadata: {name: conformance}
---
apiVersion: gateway.k8s.aws/v1
kind: TargetGroupConfiguration
metadata: {name: pods, namespace: conformance}
spec: {defaultConfiguration: {targetType: ip}}
---
apiVersion: gateway.k8s.aws/v1
kind: LoadBalancerConfiguration
metadata: {name: public, namespace: conformance}
spec: {scheme: internet-facing, defaultTargetGroupConfiguration: {name: pods}}
---
apiVersion: gateway.k8s.aws/v1
kind: LoadBalancerConfiguration
metadata: {name: web, namespace: conformance}
spec:
  scheme: internet-facing
  defaultTargetGroupConfiguration: {name: pods}
  loadBalancerAttributes: [{key: routing.http.preserve_host_header.enabled, value: "true"}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: alb, annotations: {gateway.k8s.aws/rule-construction: standard}}
spec:
  controllerName: gateway.k8s.aws/alb
  parametersRef: {group: gateway.k8s.aws, kind: LoadBalancerConfiguration, name: web, namespace: conformance}
---
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: auto, annotations: {gateway.k8s.aws/rule-construction: standard}}
spec:
  controllerName: gateway.k8s.aws/auto
  parametersRef: {group: gateway.k8s.aws, kind: LoadBalancerConfiguration, name: public, namespace: conformance}
`

// parallel is how many tests of the suite run at a time, of those that say that they can: they wait far more than they
// compute.
const parallel = "-test.parallel=8"

// unknownAddress belongs to no account.
const unknownAddress = "203.0.113.99"

func TestConformance(t *testing.T) {
	if testing.Short() {
		t.Skip("make conformance runs the suite; this is about its lists and clients")
	}
	wanted := os.Getenv(runVariable)
	if wanted == "" {
		t.Skip("run \"make conformance\"")
	}
	realPorts(t)
	c := harness.Start(t, harness.Options{})
	c.Apply(t, classConfiguration)
	output := filepath.Join(string(c.Repo), "bin", "conformance")
	if err := os.MkdirAll(output, 0o755); err != nil {
		t.Fatal(err)
	}
	usable := []string{freeAddress(t, c)}
	for _, r := range load(t).Runs {
		if wanted != "all" && !strings.Contains(","+wanted+",", ","+r.Name+",") {
			continue
		}
		t.Run(r.Name, func(t *testing.T) {
			o := order{
				Run: r.Name, Kubeconfig: c.Env.Kubeconfig, Simulator: c.Env.URL, DNS: c.Simulator.DNS(),
				Usable: usable, Unusable: []string{unknownAddress}, Version: cmp.Or(os.Getenv("LBC_VERSION"), "v0.0.0-dev"),
				Only:          os.Getenv("LBC_CONFORMANCE_TEST"),
				ResultsOutput: filepath.Join(output, r.Name+".json"),
			}
			if r.Mode != "" {
				o.ReportOutput = filepath.Join(output, fmt.Sprintf("standard-%s-%s-report.yaml", o.Version, r.Mode))
			}
			// A second run applies objects of the same names.
			c.WaitFor(t, "the end of the namespaces of the run before", func(ctx context.Context) error {
				return noSuiteNamespace(ctx, c)
			})
			results, took := runSuite(t, o, filepath.Join(output, r.Name+".log"))
			count := map[Outcome]int{}
			for _, test := range r.Tests() {
				count[cmp.Or(results[test], NotRun)]++
			}
			t.Logf("%s: %v in %v; the suite's log is %s", r.Name, count, took.Round(time.Second),
				filepath.Join(output, r.Name+".log"))
			if o.Only != "" {
				t.Logf("%s %s", o.Only, cmp.Or(results[o.Only], NotRun))
				return
			}
			disturbed := again(r, results)
			if r.Mode != "" && len(disturbed) == 0 {
				compareReport(t, r.Mode, o.ReportOutput)
			}
			for _, test := range disturbed {
				t.Logf("%s %s beside others; it runs once more, alone", test, results[test])
				c.WaitFor(t, "the end of the namespaces of the run before", func(ctx context.Context) error {
					return noSuiteNamespace(ctx, c)
				})
				o.Only, o.ReportOutput = test, ""
				alone, _ := runSuite(t, o, filepath.Join(output, r.Name+"-"+test+".log"))
				results[test] = alone[test]
			}
			for _, d := range r.Differences(results) {
				t.Error(d)
			}
		})
	}
}

// mostAgain is how many tests may disturb one another.
const mostAgain = 3

// again are the tests that run once more, because they failed in the company of others: the suite does not wait until
// the objects of a test are gone. A route that is made while one of the same match goes takes its rule over, and gets
// requests once its targets are healthy, a second later; HTTPRouteWeight takes the answers of the other one's backend
// for its own until then. More failures than a few have another reason.
func again(r Run, results map[string]Outcome) (out []string) {
	for _, test := range r.Passes {
		if results[test] == Failed {
			out = append(out, test)
		}
	}
	if len(out) > mostAgain {
		return nil
	}
	return out
}

func noSuiteNamespace(ctx context.Context, c *harness.Cluster) error {
	namespaces, err := c.Client.CoreV1().Namespaces().List(ctx, metav1.ListOptions{LabelSelector: "gateway-conformance"})
	if err != nil {
		return err
	}
	for _, n := range namespaces.Items {
		return fmt.Errorf("%s is still there", n.Name)
	}
	return nil
}

// freeAddress is an Elastic IP address of the account that nothing uses. The suite takes one.
func freeAddress(t *testing.T, c *harness.Cluster) string {
	t.Helper()
	all, err := c.Simulator.Compute.DescribeAddresses(t.Context(), &ec2.DescribeAddressesInput{})
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range all.Addresses {
		if a.AssociationId == nil {
			return *a.PublicIp
		}
	}
	t.Fatal("the account has no free Elastic IP address")
	return ""
}

// runSuite runs TestSuite of this test binary and reads what it left. That it fails is for the lists to judge.
func runSuite(t *testing.T, o order, logPath string) (map[string]Outcome, time.Duration) {
	t.Helper()
	if err := os.Remove(o.ResultsOutput); err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	text, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "order.json")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	log, err := os.Create(logPath)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	child := exec.CommandContext(t.Context(), exe, "-test.run=^TestSuite$", "-test.v", "-test.count=1", "-test.timeout="+
		longestRun.String(), parallel)
	child.Env = append(os.Environ(), orderVariable+"="+path)
	child.Stdout, child.Stderr = log, log
	var exit *exec.ExitError
	if err := child.Run(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	results := map[string]Outcome{}
	text, err = os.ReadFile(o.ResultsOutput)
	if errors.Is(err, fs.ErrNotExist) { // the setup failed
		return results, time.Since(began)
	}
	if err := errors.Join(err, json.Unmarshal(text, &results)); err != nil {
		t.Fatal(err)
	}
	return results, time.Since(began)
}

// realPorts ends a test that could not use the ports of load balancers: most of the suite's clients know no other way
// than an address and the listener's port.
func realPorts(t *testing.T) {
	t.Helper()
	l, err := net.Listen("tcp", "127.127.255.254:81")
	if errors.Is(err, os.ErrPermission) {
		t.Fatal("the suite's clients use ports below 1024: run it as root, or set the sysctl " +
			"net.ipv4.ip_unprivileged_port_start=0")
	}
	if err == nil {
		_ = l.Close()
	}
}
