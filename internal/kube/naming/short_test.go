package naming

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/kube/owner"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// dotted is a name of n characters as Kubernetes admits it: labels of 50 characters, with a dot after each.
func dotted(letter string, n int) string {
	return strings.TrimSuffix(strings.Repeat(strings.Repeat(letter, 49)+".", 6)[:n-1], ".") + strings.Repeat("z", n)[:1]
}

func TestTextsAreShortenedOnlyIfTheyAreTooLong(t *testing.T) {
	t.Parallel()
	a63, a64, longest := strings.Repeat("a", 63), strings.Repeat("a", 64), strings.Repeat("b", 253)
	hash64, hash253 := "_ffe054fe7ae0cb6d", "_af5a4872cb1f5b20"
	label := func(namespace, name string) string {
		return Labels(stack.Key{Owner: stack.GatewayALB, ID: StackID(namespace, name)})["gateway.k8s.aws.alb/stack-name"]
	}
	for _, c := range []struct{ what, got, want string }{
		{"a label of 63 characters", label("shop", a63), a63},
		{"a label of 64", label("shop", a64), a64[:46] + hash64},
		{"a label of 253", label("shop", longest), longest[:46] + hash253},
		{"a label of a stack with a shortened name", label(a63, longest), longest[:46] + hash253},
		{"a stack of 256 characters", StackID("ab", longest).String(), "ab/" + longest},
		{"a stack of 257 characters", StackID("abc", longest).String(), "abc/" + longest[:252-17] + hash253},
		{"the longest stack", StackID(a63, longest).String(), a63 + "/" + longest[:192-17] + hash253},
		{"an imported certificate", ImportedCertificateID("shop", longest), "imported/shop/" + longest[:225] +
			"_bec5136b3b40d879"},
		{"a requested certificate", CertificateID(false, longest, "default", "my-app"), "amazon_issued/" + longest[:216] +
			"_5497adbda62d6240-24116dd4"},
	} {
		if c.got != c.want {
			t.Errorf("%s: %s, want %s", c.what, c.got, c.want)
		}
	}
}

func TestTargetGroupIdentitiesFitTagAndBeginWithMember(t *testing.T) {
	t.Parallel()
	longest, namespace, service := strings.Repeat("n", 253), strings.Repeat("m", 63), strings.Repeat("s", 63)
	seen := map[string]bool{}
	for _, n := range []int{1, 8, 40, 100, 130, 200, 253} {
		for _, backend := range []string{"api", service, longest} {
			g := GatewayTargetGroup{
				Gateway: StackID(namespace, longest[:n]), RouteKind: "HTTPRoute", RouteNamespace: namespace, RouteName: longest[:n],
				BackendNamespace: namespace, BackendName: backend, TargetPort: "fifteen-letters",
			}
			id := g.ID()
			if len(id) > 256 || seen[id] || !BindsIn(id, namespace) || BindsIn(id, "shop") ||
				NamespaceOfTargetGroup(id) != namespace {
				t.Errorf("%d characters: %s", len(id), id)
			}
			seen[id] = true
			if !begins(id, GatewayTargetGroups(g.Gateway, g.RouteKind, g.RouteNamespace, g.RouteName)) ||
				begins(id, GatewayTargetGroups(g.Gateway, g.RouteKind, g.RouteNamespace, "other")) {
				t.Errorf("%s does not begin as those of its route", id)
			}
		}
		id := IngressTargetGroupID(namespace, longest[:n], service, "fifteen-letters")
		if len(id) > 256 || seen[id] || !begins(id, IngressTargetGroups(namespace, longest[:n])) || !BindsIn(id, namespace) {
			t.Errorf("%d characters: %s", len(id), id)
		}
		seen[id] = true
	}
	if all := GatewayTargetGroups(StackID("shop", "web"), "HTTPRoute", "shop", "web"); len(all) != 1 {
		t.Errorf("%q: one is enough where nothing is shortened", all)
	}
}

func begins(id string, with []string) bool {
	return slices.ContainsFunc(with, func(p string) bool { return strings.HasPrefix(id, p) })
}

// TestNoTextOfAnotherStackIsThatOfAShortenedOne has names that differ in their last character only, and the shortened
// ones themselves.
func TestNoTextOfAnotherStackIsThatOfAShortenedOne(t *testing.T) {
	t.Parallel()
	admitted := regexp.MustCompile(`^([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$`)
	tags, labels := map[string]string{}, map[string]string{}
	for _, name := range []string{dotted("a", 253), dotted("a", 253)[:252] + "y", dotted("a", 200), dotted("a", 64),
		dotted("a", 63), "web"} {
		key := stack.Key{Owner: stack.GatewayALB, ID: StackID(strings.Repeat("n", 63), name)}
		tag, label := Tracking(key.Owner, "demo", key.ID.String(), "443")[StackTag(key.Owner)],
			Labels(key)["gateway.k8s.aws.alb/stack-name"]
		if len(tag) > 256 || len(label) > 63 || !admitted.MatchString(label) || tags[tag] != "" || labels[label] != "" {
			t.Errorf("%s has tag %s and label %s; others: %s, %s", name, tag, label, tags[tag], labels[label])
		}
		tags[tag], labels[label] = name, name
		if again := Labels(stack.Key{Owner: key.Owner, ID: stack.ParseID(tag)}); again["gateway.k8s.aws.alb/stack-name"] !=
			label {
			t.Errorf("the stack of tag %s has other labels: %v", tag, again)
		}
	}
}

func TestTheObjectOfAShortenedStackIsFoundByItsHash(t *testing.T) {
	t.Parallel()
	namespace, name := strings.Repeat("n", 63), dotted("a", 253)
	meta := func(namespace, name string, finalizers ...string) metav1.ObjectMeta {
		return metav1.ObjectMeta{Namespace: namespace, Name: name, Finalizers: finalizers}
	}
	v := objects.FromObjects([]any{
		&gatewayv1.Gateway{ObjectMeta: meta(namespace, name)}, &gatewayv1.Gateway{
			ObjectMeta: meta(namespace, name[:252]+"y")},
		&gatewayv1.Gateway{ObjectMeta: meta("shop", name)}, &networkingv1.Ingress{ObjectMeta: meta(namespace, name)},
	})
	for _, k := range owner.Kinds {
		id := StackID(namespace, name)
		key, _, ok := StackOf("demo", "", Tracking(k.Owner, "demo", id.String(), "443"))
		if !ok || key != (stack.Key{Owner: k.Owner, ID: id}) || !Shortened(key.ID) {
			t.Errorf("%s is tagged as %s", id, key)
		}
		o := &metav1.ObjectMeta{Namespace: namespace, Name: name, Finalizers: []string{k.Finalizer}}
		if d := cmp.Diff([]stack.ID{id}, StacksOfFinalizers(k.Owner, o)); d != "" {
			t.Error(d)
		}
	}
	if g, ok := Declarer[*gatewayv1.Gateway](v, objects.Gateway, StackID(namespace, name)); !ok || g.Name != name {
		t.Errorf("%v, %t", g, ok)
	}
	if i, ok := Declarer[*networkingv1.Ingress](v, objects.Ingress, StackID(namespace, name)); !ok || i.Name != name {
		t.Errorf("%v, %t", i, ok)
	}
	if g, ok := Declarer[*gatewayv1.Gateway](v, objects.Gateway, StackID("shop", name)); !ok || g.Namespace != "shop" {
		t.Errorf("%v, %t", g, ok)
	}
	if g, ok := Declarer[*gatewayv1.Gateway](v, objects.Gateway, StackID(namespace, dotted("b", 253))); ok {
		t.Errorf("one that does not exist is %s", g.Name)
	}
}
