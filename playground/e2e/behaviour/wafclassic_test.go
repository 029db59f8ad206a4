package behaviour

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/wafregional"
	classictypes "github.com/aws/aws-sdk-go-v2/service/wafregional/types"

	"github.com/k8s-lbc/lbc/internal/longtest"
	"github.com/k8s-lbc/lbc/playground/e2e/behaviour/scene"
	"github.com/k8s-lbc/lbc/playground/harness"
)

// classicWebACL makes a web ACL of WAF Classic that lets everything through, and returns its id.
func classicWebACL(t *testing.T, c *harness.Cluster, name string) string {
	t.Helper()
	token, err := c.Simulator.Classic.GetChangeToken(t.Context(), &wafregional.GetChangeTokenInput{})
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.Simulator.Classic.CreateWebACL(t.Context(), &wafregional.CreateWebACLInput{
		Name: aws.String(name), MetricName: aws.String(name), ChangeToken: token.ChangeToken,
		DefaultAction: &classictypes.WafAction{Type: classictypes.WafActionTypeAllow},
	})
	if err != nil {
		t.Fatal(err)
	}
	return aws.ToString(out.WebACL.WebACLId)
}

func TestAWebACLOfWAFClassicFollowsItsAnnotation(t *testing.T) {
	longtest.Long(t, "golden cases and tests of the shell show each step; in the cluster it is one way more")
	t.Parallel()
	c := cluster(t)
	const ns, name = "classic", "classicofaddons"
	id := classicWebACL(t, c, name)
	apply := func(a scene.Annotations) string { return scene.Ingress(ns, "web", scene.Class, public(a)) }
	c.Apply(t, scene.Namespace(ns, 1)+apply(scene.Annotations{"waf-acl-id": id}))
	lb := serve(t, c, ns, "web", "/")
	is := func(guard ...string) func() string {
		return func() string { return differs("web ACLs", guards(c, lb.ARN), guard) }
	}
	wait(t, c, "the web ACL", is(name))
	expectNoWarnings(t, c, ns)
	mark := c.Mark()
	scene.Change(t, c, apply(scene.Annotations{"tags": "addons=gone"}))
	wait(t, c, "the tag", func() string { return differs("tag", c.LoadBalancer(t, lb.Name).Tags["addons"], "gone") })
	if complaint := is(name)(); complaint != "" {
		t.Errorf("without annotation: %s", complaint)
	}
	for _, w := range scene.Writes(c, mark, scene.Marks(ns)...) {
		if strings.Contains(w, "WebACL") {
			t.Errorf("without annotation: %s", w)
		}
	}
	scene.Change(t, c, apply(scene.Annotations{"waf-acl-id": "none"}))
	wait(t, c, "no web ACL", is())
	c.Kubectl(t, "delete", "namespace", ns, "--wait=false")
	scene.WaitGone(t, c, scene.Marks(ns)...)
}
