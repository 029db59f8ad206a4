package badinput

import (
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/playground/e2e/behaviour/scene"
	"github.com/k8s-lbc/lbc/playground/harness"
)

// conflicts are settings of the shared load balancer that two members of a group cannot both have.
var conflicts = []struct {
	name, annotation string
	first, second    string
	contains         []string
}{
	{"gscheme", "scheme", "internal", "internet-facing", []string{"scheme: ", `"internet-facing"`,
		`"internal"`}},
	{"gattr", "load-balancer-attributes", "idle_timeout.timeout_seconds=70", "idle_timeout.timeout_seconds=80",
		[]string{"idle_timeout.timeout_seconds", "70", "80"}},
	{"gtags", "tags", "team=shop", "team=web", []string{"tag team", "shop", "web"}},
	{"gname", "load-balancer-name", "gname-first", "gname-second", []string{"load balancer name", "gname-first",
		"gname-second"}},
	{"gcidrs", "inbound-cidrs", "10.0.0.0/8", "0.0.0.0/0", []string{"inbound CIDRs", "0.0.0.0/0", "10.0.0.0/8"}},
	{"gports", "listen-ports", `[{"HTTP": 8080}]`, `[{"HTTPS": 8080}]`, []string{"8080", "HTTP", "HTTPS"}},
}

func conflictsAreReported(t *testing.T, c *harness.Cluster) {
	for _, x := range conflicts {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			member := func(name, value, order string) string {
				a := scene.Annotations{"group.name": x.name, "group.order": order, "target-type": "ip",
					"certificate-arn": knownCertificate, "listen-ports": `[{"HTTP": 80}]`}
				if value != "" {
					a[x.annotation] = value
				}
				return scene.Ingress(x.name, name, scene.Class, a, scene.Path{Path: "/" + name})
			}
			c.Apply(t, scene.Namespace(x.name, 1)+member("first", x.first, "1")+member("second", x.second, "2"))
			e := c.WaitEvent(t, "Ingress", x.name, "second", "FailedBuildModel")
			t.Logf("%s %s: %s", e.Type, e.Reason, e.Message)
			for _, s := range append(x.contains, "Ingress "+x.name+"/first", "alb.ingress.kubernetes.io/"+x.annotation) {
				if !strings.Contains(e.Message, s) {
					t.Errorf("the message has no %q", s)
				}
			}
			if x.annotation != "listen-ports" {
				url := "http://" + c.IngressAddress(t, x.name, "first")
				c.WaitGet(t, url+"/first", "", 200, "web")
				c.WaitGet(t, url+"/second", "", 200, "web")
			}
			if all := scene.Warnings(t, c, x.name); len(all) != 1 {
				t.Errorf("there are several warnings:\n%s", strings.Join(all, "\n"))
			}
			scene.Change(t, c, member("second", "", "2"))
			c.WaitEvent(t, "Ingress", x.name, "second", "SuccessfullyReconciled")
		})
	}
}
