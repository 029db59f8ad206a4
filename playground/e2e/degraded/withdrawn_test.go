package degraded

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/k8s-lbc/lbc/awssim/simclient"
	"github.com/k8s-lbc/lbc/playground/e2e/behaviour/scene"
	"github.com/k8s-lbc/lbc/playground/harness"
)

// withdraw leaves the right to get of those that the controller's ClusterRoles grant to a resource together with a
// verb, and returns what gives the others back.
func withdraw(t *testing.T, c *harness.Cluster, resource, verb string) (grant func()) {
	t.Helper()
	roles := c.Client.RbacV1().ClusterRoles()
	list, err := roles.List(t.Context(), metav1.ListOptions{LabelSelector: "kubernetes.io/bootstrapping!=rbac-defaults"})
	if err != nil {
		t.Fatal(err)
	}
	var back []func()
	for _, r := range list.Items {
		for i, rule := range r.Rules {
			if strings.HasPrefix(r.Name, "system:") || !slices.Contains(rule.Resources, resource) ||
				!slices.Contains(rule.Verbs, verb) {
				continue
			}
			patch := func(verbs string) {
				body := fmt.Appendf(nil, `[{"op":"replace","path":"/rules/%d/verbs","value":[%s]}]`, i, verbs)
				if _, err := roles.Patch(context.Background(), r.Name, types.JSONPatchType, body, metav1.PatchOptions{}); err !=
					nil {
					t.Error(err)
				}
			}
			back = append(back, func() { patch(`"` + strings.Join(rule.Verbs, `","`) + `"`) })
			patch(`"get"`)
		}
	}
	if len(back) == 0 {
		t.Fatalf("no role grants %s of %s", verb, resource)
	}
	grant = sync.OnceFunc(func() {
		for _, f := range back {
			f()
		}
	})
	t.Cleanup(grant)
	return grant
}

// deny has AWS deny an action to the controller's access key, and returns what permits it again.
func deny(t *testing.T, c *harness.Cluster, action string) (permit func()) {
	t.Helper()
	const name = "withdrawn"
	document :=
		`{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}, {"Effect": "Deny", "Action": "` + action + `", "Resource": "*"}]}`
	if err := c.Simulator.PutPolicy(name, []byte(document)); err != nil {
		t.Fatal(err)
	}
	attached := []simclient.Attachment{{Policy: name, AccessKey: "AKIAPLAYGROUND000001"}}
	if err := c.Simulator.ChangeIAM(simclient.IAMChange{Attach: attached}); err != nil {
		t.Fatal(err)
	}
	permit = sync.OnceFunc(func() {
		if err := c.Simulator.ChangeIAM(simclient.IAMChange{Detach: attached}); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(permit)
	return permit
}

// TestWithdrawnPermissionsHealWithoutARestart shows that /readyz, metrics, log and events report a
// withdrawn AWS permission and a withdrawn right, until they are given back.
func TestWithdrawnPermissionsHealWithoutARestart(t *testing.T) {
	if testing.Short() {
		t.Skip("it waits for pauses between attempts")
	}
	c := playground(t)
	p := c.StartProcess(t, keys(newCloud(t, c)), region, vpc, alone)
	eventually(t, c, p.Health+"/readyz", 200, "ok")
	pid := p.PID()
	const before = "before"
	serves(t, c, before)
	url := "http://" + c.IngressAddress(t, before, "web") + "/"
	for _, tt := range []struct {
		ns, reason, check, text, event string
		withdraw                       func(t *testing.T) (giveBack func())
	}{
		{
			"unpermitted", "permissions", "aws", "AWS denies the controller's role elasticloadbalancing:CreateListener",
			"allow the controller's role the action elasticloadbalancing:CreateListener",
			func(t *testing.T) func() { t.Helper(); return deny(t, c, "elasticloadbalancing:CreateListener") },
		},
		{
			"unentitled", "rights", "rights", "may not patch ingresses/status.networking.k8s.io",
			`cannot patch resource "ingresses/status"`,
			func(t *testing.T) func() { t.Helper(); return withdraw(t, c, "ingresses/status", "patch") },
		},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			giveBack := tt.withdraw(t)
			c.Apply(t, scene.Namespace(tt.ns, 1)+scene.Ingress(tt.ns, "web", scene.Class, scene.Annotations{
				"scheme": "internet-facing", "target-type": "ip"}))
			c.WaitFor(t, "an event about what is missing", func(context.Context) error {
				for _, e := range c.Events(t, "Ingress", tt.ns, "web") {
					if strings.Contains(e.Message, tt.event) {
						return nil
					}
				}
				return errors.New("there is none")
			})
			eventually(t, c, p.Health+"/readyz?verbose", 200, "[!]"+tt.check+" degraded: ", tt.text)
			eventually(t, c, p.Metrics+"/metrics", 200, `lbc_degraded{reason="`+tt.reason+`"} 1`)
			if logged(t, p, `"degraded","reason":"`+tt.reason+`"`) == 0 {
				t.Error("no line of the log says what is missing")
			}
			c.WaitGet(t, url, "", 200, "web")
			giveBack()
			c.WaitGet(t, "http://"+c.IngressAddress(t, tt.ns, "web")+"/", "", 200, "web")
			eventually(t, c, p.Health+"/readyz?verbose", 200, "[+]"+tt.check+" ok")
			if n := logged(t, p, `"recovered","reason":"`+tt.reason+`"`); n != 1 {
				t.Errorf("%d lines of the log say that it has healed", n)
			}
			c.Kubectl(t, "delete", "ingress", "-n", tt.ns, "web", "--timeout="+harness.Timeout.String())
		})
	}
	if p.PID() != pid || p.Err() != nil {
		t.Errorf("the process ended: %v", p.Err())
	}
}
