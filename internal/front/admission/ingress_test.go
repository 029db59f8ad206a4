package admission

import (
	"strings"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/internal/front/ingress"
	"github.com/k8s-lbc/lbc/internal/kube/manifest"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
)

const classes = `
{apiVersion: networking.k8s.io/v1, kind: IngressClass, metadata: {name: alb}, spec: {controller: ingress.k8s.aws/alb}}
---
{apiVersion: networking.k8s.io/v1, kind: IngressClass, metadata: {name: nginx}, spec: {controller: k8s.io/ingress-nginx}}
---
{apiVersion: networking.k8s.io/v1, kind: IngressClass, metadata: {name: team}, spec: {controller: ingress.k8s.aws/alb, parameters: {apiGroup: elbv2.k8s.aws, kind: IngressClassParams, name: team}}}
---
{apiVersion: networking.k8s.io/v1, kind: IngressClass, metadata: {name: early}, spec: {controller: ingress.k8s.aws/alb, parameters: {apiGroup: elbv2.k8s.aws, kind: IngressClassParams, name: comes-last}}}
---
{apiVersion: networking.k8s.io/v1, kind: IngressClass, metadata: {name: odd}, spec: {controller: ingress.k8s.aws/alb, parameters: {kind: ConfigMap, name: x}}}
---
{apiVersion: elbv2.k8s.aws/v1beta1, kind: IngressClassParams, metadata: {name: team}, spec: {namespaceSelector: {matchLabels: {team: shop}}}}
---
{apiVersion: v1, kind: Namespace, metadata: {name: ns}}
---
{apiVersion: v1, kind: Service, metadata: {name: web, namespace: ns}, spec: {type: NodePort, ports: [{port: 80, nodePort: 30080}]}}
`

func view(t *testing.T, more string) *objects.View {
	t.Helper()
	objs, _, err := manifest.Decode([]byte(classes+"---\n"+more), "ns")
	if err != nil {
		t.Fatal(err)
	}
	return objects.FromObjects(objs)
}

// ing makes an Ingress of a class ("-" names none) with a path to web; annotations are key, value, key, value …
func ing(class string, annotations ...string) *networkingv1.Ingress {
	prefix := networkingv1.PathTypePrefix
	i := &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "web",
		Annotations: map[string]string{}}}
	if class != "-" {
		i.Spec.IngressClassName = &class
	}
	for k := 0; k < len(annotations); k += 2 {
		key := annotations[k]
		if !strings.Contains(key, "/") {
			key = "alb.ingress.kubernetes.io/" + key
		}
		i.Annotations[key] = annotations[k+1]
	}
	i.Spec.Rules = []networkingv1.IngressRule{
		{IngressRuleValue: networkingv1.IngressRuleValue{HTTP: &networkingv1.HTTPIngressRuleValue{
			Paths: []networkingv1.HTTPIngressPath{{Path: "/", PathType: &prefix, Backend: networkingv1.IngressBackend{
				Service: &networkingv1.IngressServiceBackend{Name: "web", Port: networkingv1.ServiceBackendPort{Number: 80}},
			}}},
		}}}}
	return i
}

func with(i *networkingv1.Ingress, f func(*networkingv1.Ingress)) *networkingv1.Ingress {
	f(i)
	return i
}

func TestIngressesAreRefusedForWhatTheyBringAndWarnedOfTheRest(t *testing.T) {
	t.Parallel()
	const badConditions = `[{"field":"http-header"}]`
	class := "kubernetes.io/ingress.class"
	for _, tc := range []struct {
		name     string
		config   IngressConfig
		old, new *networkingv1.Ingress
		check    string // empty: admitted
		says     string // of the refusal, else of the first warning; empty: no warning
	}{
		{name: "ours and right", new: ing("alb")},
		{name: "another controller's", new: ing("nginx", "actions.x", "{")},
		{name: "another controller's by annotation, of a class that does not exist",
			new: ing("-", class, "nginx", "scheme", "wrong")},
		{name: "nobody's", new: ing("-", "scheme", "wrong")},
		{name: "without class where those are ours", config: IngressConfig{}, new: ing("-", "scheme", "wrong"),
			says: "scheme"},
		{name: "missing class", new: ing("absent", "scheme", "internal"), check: checkClass,
			says: `IngressClass "absent" does not exist`},
		{name: "missing class of who knows whom", new: ing("absent"), says: "does not exist"},
		{name: "class of unknown parameters", new: ing("odd"), check: checkClass, says: "names no IngressClassParams"},
		{name: "class whose parameters come last", new: ing("early", "scheme", "internal"), says: `"comes-last"`},
		{name: "namespace that the class does not admit", new: ing("team"), check: checkClass,
			says: "namespaceSelector of IngressClassParams team excludes this namespace"},
		{name: "edit of an Ingress whose class is gone", old: ing("absent", "scheme", "internal"),
			new: ing("absent", "scheme", "internet-facing"), says: "does not exist"},
		{name: "move to a class that is missing", old: ing("alb"), new: ing("absent", "scheme", "internal"),
			check: checkClassUsage, says: "does not exist"},
		{name: "finalizer that comes off whatever is wrong", old: ing("alb", "conditions.web", "{", "scheme", "x"),
			new: with(ing("alb", "conditions.web", "{", "scheme", "x"), func(i *networkingv1.Ingress) { i.Finalizers = nil })},
		{name: "deletion", old: ing("alb"), new: with(ing("absent", "conditions.web", "{"),
			func(i *networkingv1.Ingress) { i.DeletionTimestamp = &metav1.Time{} })},

		{name: "class annotation where it is forbidden", config: IngressConfig{ForbidClassAnnotation: true},
			new: ing("-", class, "alb"), check: checkClassAnnotation,
			says: "new usage of `kubernetes.io/ingress.class` annotation is forbidden"},
		{name: "class annotation that was there", config: IngressConfig{ForbidClassAnnotation: true},
			old: ing("-", class, "alb"), new: ing("-", class, "alb", "scheme", "internal")},
		{name: "class annotation that was another one", config: IngressConfig{ForbidClassAnnotation: true},
			old: ing("-", class, "nginx"), new: ing("-", class, "alb"), check: checkClassAnnotation, says: "forbidden"},
		{name: "others' class annotation", config: IngressConfig{ForbidClassAnnotation: true}, new: ing("-", class, "nginx")},
		{name: "group where it is forbidden", config: IngressConfig{ForbidGroupName: true},
			new: ing("alb", "group.name", "shop"), check: checkGroupName,
			says: "new usage of `alb.ingress.kubernetes.io/group.name` annotation is forbidden"},
		{name: "another group where it is forbidden", config: IngressConfig{ForbidGroupName: true},
			old: ing("alb", "group.name", "mine"), new: ing("alb", "group.name", "shop"), check: checkGroupName,
			says: "forbidden"},
		{name: "group that was there", config: IngressConfig{ForbidGroupName: true}, old: ing("alb", "group.name", "mine"),
			new: ing("alb", "group.name", "mine", "scheme", "internal")},
		{name: "group that goes", config: IngressConfig{ForbidGroupName: true}, old: ing("alb", "group.name", "mine"),
			new: ing("alb")},

		{name: "conditions that are no JSON", new: ing("alb", "conditions.web", "{"), check: checkConditions,
			says: "ignoring Ingress ns/web since invalid alb.ingress.kubernetes.io/conditions.web annotation: "},
		{name: "conditions that lack their settings", new: ing("alb", "conditions.web", badConditions),
			check: checkConditions, says: "missing httpHeaderConfig"},
		{name: "bad conditions of a Service that no path names", new: ing("alb", "conditions.other", badConditions),
			says: "no backend of the Ingress is other"},
		{name: "bad conditions that were there", old: ing("alb", "conditions.web", badConditions),
			new: ing("alb", "conditions.web", badConditions, "scheme", "internal"), says: "missing httpHeaderConfig"},
		{name: "a path to a resource", new: with(ing("alb"), func(i *networkingv1.Ingress) {
			i.Spec.Rules[0].HTTP.Paths[0].Backend.Service = nil
		}), says: `missing required "service" field`},

		{name: "annotation that cannot be", new: ing("alb", "scheme", "public"), says: "public"},
		{name: "misspelt annotation", new: ing("alb", "schema", "internal"),
			says: "did you mean alb.ingress.kubernetes.io/scheme?"},
		{name: "web ACL of WAF Classic", new: ing("alb", "waf-acl-id", "00000000-0000-4000-8000-000000000001"),
			says: "AWS ended WAF Classic on 2025-09-30"},
		{name: "bad group name", new: ing("alb", "group.name", "Not_A_Name"), says: "is not a valid group name"},
		{name: "bad order", new: ing("alb", "group.order", "2000"), says: "from -1000 to 1000"},
		{name: "Service that may come next", new: with(ing("alb"), func(i *networkingv1.Ingress) {
			i.Spec.Rules[0].HTTP.Paths[0].Backend.Service.Name = "next"
		})},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if tc.name != "without class where those are ours" {
				tc.config.Config = ingress.Config{IngressClass: "alb"}
			}
			tc.config.TolerateMissingService, tc.config.TolerateMissingAction = true, true
			got := Ingress(view(t, ""), tc.config, tc.old, tc.new)
			if got.Check != tc.check || (got.Denied != "") != (tc.check != "") {
				t.Fatalf("refused by %q: %q, want %q", got.Check, got.Denied, tc.check)
			}
			text := got.Denied
			if tc.check == "" {
				text = strings.Join(got.Warnings, "\n")
			}
			if tc.says == "" && text != "" || !strings.Contains(text, tc.says) {
				t.Errorf("it says %q, want %q", text, tc.says)
			}
		})
	}
}

func TestWhatRestsOnAbsenceIsDoubtfulAndNothingElse(t *testing.T) {
	t.Parallel()
	c := IngressConfig{Config: ingress.Config{IngressClass: "alb"}}
	for class, want := range map[string]bool{"absent": true, "team": true, "early": true, "alb": false} {
		if got := Ingress(view(t, ""), c, nil, ing(class, "conditions.web", "{")); got.Recheck != want {
			t.Errorf("%s: doubtful %v, want %v", class, got.Recheck, want)
		}
	}
}

func TestTwoDefaultClassesRefuseOnlyWhatIsSurelyOurs(t *testing.T) {
	t.Parallel()
	const two = `
{apiVersion: networking.k8s.io/v1, kind: IngressClass, metadata: {name: a, annotations: {ingressclass.kubernetes.io/is-default-class: "true"}}, spec: {controller: ingress.k8s.aws/alb}}
---
{apiVersion: networking.k8s.io/v1, kind: IngressClass, metadata: {name: b, annotations: {ingressclass.kubernetes.io/is-default-class: "true"}}, spec: {controller: x}}
`
	c := IngressConfig{Config: ingress.Config{IngressClass: "alb"}}
	if got := Ingress(view(t, two), c, nil, ing("-")); got.Denied != "" || len(got.Warnings) != 1 {
		t.Errorf("%+v", got)
	}
	if got := Ingress(view(t, two), c, nil, ing("-", "scheme", "internal")); !strings.Contains(got.Denied,
		"several IngressClasses are the default") {
		t.Errorf("%+v", got)
	}
}

func TestWarningsAreFewAndMistakesComeFirst(t *testing.T) {
	t.Parallel()
	annotations := []string{"scheme", "public", "waf-acl-id", "00000000-0000-4000-8000-000000000001"}
	for _, k := range []string{"a", "b", "c", "d", "e", "f", "g", "h", "i"} {
		annotations = append(annotations, "zzzzzzzzz-"+k, "")
	}
	got := Ingress(view(t, ""), IngressConfig{Config: ingress.Config{IngressClass: "alb"}}, nil,
		ing("alb", annotations...))
	if len(got.Warnings) != maxWarnings || !strings.Contains(got.Warnings[0], "scheme") ||
		!strings.Contains(got.Warnings[1], "WAF Classic") {
		t.Errorf("%d warnings: %q", len(got.Warnings), got.Warnings)
	}
}

func TestIngressNotAdmittedByGroupIsRefusedUnlessMember(t *testing.T) {
	t.Parallel()
	v := view(
		t, `{apiVersion: elbv2.k8s.aws/v1beta1, kind: IngressClassParams, metadata: {name: closed}, spec: {group: {name: closed, namespaceSelector: {matchLabels: {team: shop}}}}}`)
	member, outside := ing("alb", "group.name", "closed"), ing("alb", "group.name", "open")
	edited := member.DeepCopy()
	edited.Annotations["alb.ingress.kubernetes.io/group.order"] = "5"
	for name, c := range map[string]struct {
		old, ing *networkingv1.Ingress
		denied   bool
	}{"created": {nil, member, true}, "moved": {outside, member, true}, "edited": {member, edited, false}, "elsewhere": {
		nil, outside, false}} {
		if got := Ingress(v, IngressConfig{}, c.old, c.ing); (got.Denied != "") != c.denied || c.denied &&
			!strings.Contains(got.Denied, "does not admit it to group closed") {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestIngressIsWarnedOfARuleThatAWSRefuses(t *testing.T) {
	t.Parallel()
	i := ing("alb")
	i.Spec.Rules[0].HTTP.Paths[0].Path = "/files|old"
	r := Ingress(view(t, ""), IngressConfig{}, nil, i)
	if all := strings.Join(r.Warnings, "\n"); r.Denied != "" ||
		!strings.Contains(all, `path "/files|old" has a character`) || !strings.Contains(all, "spec.rules[0].http.paths[0]") {
		t.Errorf("%+v", r)
	}
}
