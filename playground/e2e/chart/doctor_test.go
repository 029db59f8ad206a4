package chart

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/k8s-lbc/lbc/playground/e2e/behaviour/scene"
)

// TestDoctorIsGreenWithinSecondsOnWhatTheChartInstalls shows that lbc doctor finds name, region and
// VPC of an installed chart by itself and reports no finding.
func TestDoctorIsGreenWithinSecondsOnWhatTheChartInstalls(t *testing.T) {
	c := start(t)
	waitLeader(t, c)
	served(t, c, ownSecret)
	rolledOut(t, c, "kube-system", installation)
	const ns = "examined"
	c.Apply(t, scene.Patient(scene.Namespace(ns, 2))+scene.Ingress(ns, "web", scene.Class, scene.Annotations{
		"scheme": "internet-facing", "target-type": "ip", "target-group-attributes": "deregistration_delay.timeout_seconds=0",
	}))
	host := c.IngressAddress(t, ns, "web")
	c.WaitGet(t, "http://"+host+"/", "", 200, "")
	c.WaitHealthy(t, c.LoadBalancer(t, host))
	// Other tests of this package had the leader change.
	c.Kubectl(t, "delete", "events", "-n", "kube-system", "--field-selector=reason=LeaderElection")
	cmd := exec.CommandContext(t.Context(), filepath.Join(string(c.Repo), "bin", "lbc"), "doctor", "--kubeconfig",
		c.Env.Kubeconfig, "-o", "json")
	cmd.Env = append(os.Environ(), "AWS_ENDPOINT_URL="+c.Env.URL, "AWS_ACCESS_KEY_ID=AKIAPLAYGROUNDUSER01",
		"AWS_SECRET_ACCESS_KEY=playground", "AWS_SESSION_TOKEN=", "AWS_PROFILE=", "AWS_EC2_METADATA_DISABLED=true")
	began := time.Now()
	out, err := cmd.Output()
	took := time.Since(began)
	var report struct {
		Cluster, Region, VPC string
		Healthy              bool
		Findings             []struct{ Reason, Severity, Object, Message string }
		Checks               []struct{ Check, Status, Reason string }
	}
	if unread := json.Unmarshal(out, &report); unread != nil {
		t.Fatalf("%v, %v: %s", err, unread, out)
	}
	used := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime() // which other work on the machine hardly changes
	t.Logf("it takes %s, of which %s of processor time", took, used)
	if seeded := c.Simulator.Seed(); err != nil || !report.Healthy || report.Cluster != seeded.Cluster.Name ||
		report.Region != seeded.Region || report.VPC != seeded.VPC.ID {
		t.Errorf("%v: %+v", err, report)
	}
	skipped := map[string]bool{ // there is no role: the pods have an access key
		"iam-denied": true, "iam-role-missing": true,
	}
	for _, x := range report.Checks {
		if want := map[bool]string{false: "passed", true: "skipped"}[skipped[x.Check]]; x.Status != want {
			t.Errorf("%s is %s: %s", x.Check, x.Status, x.Reason)
		}
	}
	if len(report.Findings) > 0 {
		t.Error(fmt.Sprint(report.Findings))
	}
	if used > 30*time.Second { // half a second on an idle machine
		t.Errorf("it takes %s of processor time", used)
	}
	c.Kubectl(t, "delete", "ingress", "-n", ns, "web", "--timeout=3m")
}
