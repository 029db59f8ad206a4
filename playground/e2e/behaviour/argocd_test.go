package behaviour

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	lua "github.com/yuin/gopher-lua"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/hack/pages"
	"github.com/k8s-lbc/lbc/internal/lib/longtest"
	"github.com/k8s-lbc/lbc/playground/e2e/behaviour/scene"
)

// healthChecks are the checks of the page about Argo CD, by GROUP_KIND.
func healthChecks(t *testing.T, repository string) map[string]string {
	t.Helper()
	page, err := os.ReadFile(filepath.Join(repository, "docs", "tasks", "argo-cd.md"))
	if err != nil {
		t.Fatal(err)
	}
	all := pages.Blocks(string(page))
	n := slices.IndexFunc(all, func(b pages.Block) bool { return b.File() == "argocd-cm.yaml" })
	if n < 0 {
		t.Fatal("the page has no argocd-cm.yaml")
	}
	var m corev1.ConfigMap
	if err := yaml.UnmarshalStrict([]byte(all[n].Text), &m); err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for key, script := range m.Data {
		if kind, ok := strings.CutPrefix(key, "resource.customizations.health."); ok {
			out[kind] = script
		}
	}
	return out
}

// health runs a check as Argo CD does: the object is the global obj, the result a table with status and message, and
// there are no libraries but base and table.
func health(script string, object map[string]any) (status, message string, err error) {
	l := lua.NewState(lua.Options{SkipOpenLibs: true})
	defer l.Close()
	for _, open := range []lua.LGFunction{lua.OpenBase, lua.OpenTable} {
		l.Push(l.NewFunction(open))
		l.Call(0, 0)
	}
	l.SetGlobal("obj", luaValue(l, object))
	if err := l.DoString(script); err != nil {
		return "", "", err
	}
	result, ok := l.Get(-1).(*lua.LTable)
	if !ok {
		return "", "", fmt.Errorf("the check returns %s", l.Get(-1).Type())
	}
	return lua.LVAsString(result.RawGetString("status")), lua.LVAsString(result.RawGetString("message")), nil
}

// luaValue is a value of JSON in Lua.
func luaValue(l *lua.LState, v any) lua.LValue {
	switch v := v.(type) {
	case bool:
		return lua.LBool(v)
	case float64:
		return lua.LNumber(v)
	case string:
		return lua.LString(v)
	case []any:
		out := l.NewTable()
		for _, x := range v {
			out.Append(luaValue(l, x))
		}
		return out
	case map[string]any:
		out := l.NewTable()
		for k, x := range v {
			out.RawSetString(k, luaValue(l, x))
		}
		return out
	}
	return lua.LNil
}

// TestHealthChecksForArgoCDFitTheStatuses shows that the health checks printed for Argo CD read the
// statuses that the running controller writes.
func TestHealthChecksForArgoCDFitTheStatuses(t *testing.T) {
	longtest.Long(t, "each of its steps has a cheaper test; it shows them together in a cluster")
	t.Parallel()
	c := cluster(t)
	const ns = "argohealth"
	checks := healthChecks(t, string(c.Repo))
	read := func(kind, name string) map[string]any {
		t.Helper()
		var o map[string]any
		if err := json.Unmarshal([]byte(c.Kubectl(t, "get", kind, name, "-n", ns, "-o", "json")), &o); err != nil {
			t.Fatal(err)
		}
		return o
	}
	judge := func(o map[string]any) (string, string) {
		t.Helper()
		script, ok := checks[fmt.Sprintf("elbv2.k8s.aws_%s", o["kind"])]
		if !ok {
			t.Fatalf("no check of %s", o["kind"])
		}
		status, message, err := health(script, o)
		if err != nil {
			t.Fatal(err)
		}
		return status, message
	}
	becomes := func(kind, name, want, says string) {
		t.Helper()
		wait(t, c, fmt.Sprintf("%s %s to be %s", kind, name, want), func() string {
			if strings.TrimSpace(c.Kubectl(t, "get", kind, "-n", ns, "--field-selector", "metadata.name="+name, "-o", "name")) ==
				"" {
				return "it does not exist"
			}
			status, message := judge(read(kind, name))
			if !strings.Contains(message, says) {
				return fmt.Sprintf("it is %s: %s", status, message)
			}
			return differs("health", status, want)
		})
	}
	ingress := func(more scene.Annotations) string { return scene.Ingress(ns, "web", scene.Class, public(more)) }

	// AWS fails: nothing but time is needed.
	outage, err := c.Simulator.Gate.AddFault(gate.Fault{Action: "CreateListener",
		Resource: "loadbalancer/app/k8s-argoheal", Code: "InternalFailure", Status: 500, Message: "AWS is out"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Simulator.Gate.RemoveFault(outage) })
	c.Apply(t, scene.Namespace(ns, 1)+ingress(nil)+scene.Gateway(ns, "edge", "alb", "scheme: internet-facing",
		"name: http, protocol: HTTP, port: 80")+
		scene.Route("HTTPRoute", ns, "edge", "parentRefs: [{name: edge}], rules: [{backendRefs: [{name: web, port: 80}]}]"))
	becomes("lb", "ingress-web", "Progressing", "AWS is out")
	becomes("lb", "gateway-alb-edge", "Progressing", "AWS is out")
	c.Simulator.Gate.RemoveFault(outage)
	serve(t, c, ns, "web", "/")
	becomes("lb", "ingress-web", "Healthy", "in effect")
	becomes("lb", "gateway-alb-edge", "Healthy", "in effect")
	bindings := strings.Fields(scene.Query(t, c, "get", "targetgroupbindings", "-n", ns, "-o",
		"jsonpath={.items[*].metadata.name}"))
	if len(bindings) != 2 {
		t.Fatalf("bindings %v", bindings)
	}
	for _, name := range bindings {
		becomes("targetgroupbinding", name, "Healthy", "")
	}

	// What was edited, or has no status, is not judged by what was before.
	for _, o := range []map[string]any{read("lb", "ingress-web"), read("targetgroupbinding", bindings[0])} {
		delete(o, "status")
		if status, _ := judge(o); status != "Progressing" {
			t.Errorf("a %s without status is %s", o["kind"], status)
		}
	}
	edited := read("targetgroupbinding", bindings[0])
	if metadata, ok := edited["metadata"].(map[string]any); ok {
		metadata["generation"] = float64(99)
	}
	if status, _ := judge(edited); status != "Progressing" {
		t.Errorf("an edited binding is %s", status)
	}

	// A mistake stays until it is corrected.
	scene.Change(t, c, ingress(scene.Annotations{"scheme": "nonsense"})+fmt.Sprintf(`apiVersion: elbv2.k8s.aws/v1beta1
kind: TargetGroupBinding
metadata: {name: lost, namespace: %s}
spec: {targetGroupARN: "%s", targetType: ip, serviceRef: {name: absent, port: 80}}
`, ns, freeGroup(t, c, ns)))
	becomes("lb", "ingress-web", "Degraded", "nonsense")
	becomes("targetgroupbinding", "lost", "Degraded", "absent")
	scene.Change(t, c, ingress(nil)+scene.Gateway(ns, "edge", "alb", "scheme: internet-facing, loadBalancerSubnets: "+
		"[{identifier: subnet-0a1de00000000ffff}]", "name: http, protocol: HTTP, port: 80"))
	becomes("lb", "gateway-alb-edge", "Degraded", "subnet-0a1de00000000ffff")
	becomes("lb", "ingress-web", "Healthy", "in effect")
}

// TestArgoCDWaitsForTheNewestVersion shows that a load balancer is healthy only while the newest version of each member
// is in effect.
func TestArgoCDWaitsForTheNewestVersion(t *testing.T) {
	t.Parallel()
	script := healthChecks(t, filepath.Join("..", "..", ".."))["elbv2.k8s.aws_LoadBalancer"]
	object := func(ready, stalled, effective string) map[string]any {
		return map[string]any{"status": map[string]any{
			"conditions": []any{map[string]any{"type": "Ready", "status": ready, "message": "told"}, map[string]any{
				"type": "Stalled", "status": stalled}},
			"members": []any{map[string]any{"kind": "Ingress", "name": "web", "observedVersion": "2",
				"effectiveVersion": effective}},
		}}
	}
	for name, c := range map[string]struct {
		object map[string]any
		want   string
	}{
		"in effect":      {object("True", "False", "2"), "Healthy"},
		"former version": {object("True", "False", "1"), "Progressing"},
		"being applied":  {object("False", "False", "1"), "Progressing"},
		"refused":        {object("False", "True", "1"), "Degraded"},
		"no status":      {map[string]any{}, "Progressing"},
	} {
		if got, message, err := health(script, c.object); err != nil || got != c.want || message == "" {
			t.Errorf("%s: %s %q %v, want %s", name, got, message, err, c.want)
		}
	}
}
