package manifest

import (
	"errors"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/api/v1beta1"
)

// before is what precedes the document that is wrong: it begins in line 7.
const before = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n--- # of the chart\n# here\n\n"

func TestAMistakeIsReportedWithItsLineInTheFile(t *testing.T) {
	t.Parallel()
	const service = "apiVersion: v1\nkind: Service\nmetadata:\n  name: web\n"
	const class = "apiVersion: networking.k8s.io/v1\nkind: IngressClass\nmetadata:\n  name: alb\n"
	for name, c := range map[string]struct {
		document string
		line     int
		want     string
	}{
		"a bracket that is not closed, noticed a line later": {service + "spec:\n  ports: [80\n  type: a\n", 12,
			"yaml: did not find expected ',' or ']'"},
		"a tab": {service + "\tspec: {}\n", 11,
			"yaml: found a tab character that violates indentation"},
		"the first line": {
			"a: b: c", 7, "yaml: mapping values are not allowed in this context"},
		"a key twice": {service + "spec:\n  type: NodePort\n  type: NodePort\n", 13,
			`yaml: key "type" already set in map`},
		"no object": {"- a\n", 7, "this is not a Kubernetes object"},
		"no kind": {"metadata:\n  name: web\n", 7,
			"this is not a Kubernetes object: it needs apiVersion and kind"},
		"a name that is a list": {"apiVersion: v1\nkind: Service\nmetadata:\n  name: [web]\n",
			10, "metadata.name: a list where a string belongs"},
		"a field that is not there": {
			service + "spec:\n  ports:\n  - port: 80\n  - port: 81\n    taget: 80\n", 15,
			`v1 Service web: unknown field "spec.ports[1].taget"`},
		"a field in the wrong case": {service + "spec:\n  Ports: []\n", 12,
			`v1 Service web: unknown field "spec.Ports"`},
		"a string for a number": {
			service + "spec:\n  ports:\n  - port: 80\n  - name: b\n    port: eighty\n", 15,
			"v1 Service web: spec.ports[1].port: a string where a whole number belongs"},
		"a mapping for a number or a name": {
			service + "spec:\n  ports:\n  - port: 80\n    targetPort: {a: b}\n", 14,
			"spec.ports[0].targetPort: a mapping where a whole number belongs"},
		"a mapping for a list": {service + "spec:\n  ports:\n    port: 80\n", 12,
			"spec.ports: a mapping where a list belongs"},
		"a number for an item": {service + "spec:\n  ports:\n  - port: 80\n  - 81\n", 14,
			"spec.ports[1]: a number where a mapping belongs"},
		"a number among strings": {
			service + "spec:\n  loadBalancerSourceRanges:\n  - 10.0.0.0/8\n  - 11\n", 14,
			"spec.loadBalancerSourceRanges[1]: a number where a string belongs; put it into quotes"},
		"an annotation without quotes": {
			service + "  annotations:\n    a: b\n    c: true\n    d: e\n", 13,
			"metadata.annotations.c: true or false where a string belongs; put it into quotes"},
		"an annotation that is a fraction": {service + "  annotations:\n    a: \"2\"\n    b: 2.5\n", 13,
			"metadata.annotations.b: a number where a string belongs; put it into quotes"},
		"an annotation of a domain": {
			service + "  annotations:\n    a: b\n    example.com/c: 1\n    d: e\n", 13,
			`metadata.annotations["example.com/c"]: a number where a string belongs; put it into quotes`},
		"a fraction for a whole number": {service + "spec:\n  ports:\n  - port: 1.5\n", 13,
			"spec.ports[0].port: a number where a whole number belongs"},
		"an annotation that is a mapping": {service + "  annotations:\n    a: b\n    c: {}\n", 13,
			"metadata.annotations.c: a mapping where a string belongs"},
		"a mapping of mappings for a list": {service + "spec:\n  ports:\n    http: {port: 80}\n", 12,
			"spec.ports: a mapping where a list belongs"},
		"a list of lists for a mapping": {service + "spec:\n- [a]\n", 11,
			"spec: a list where a mapping belongs"},
		"a number for bytes": {
			"apiVersion: v1\nkind: Secret\nmetadata: {name: web}\ndata:\n  a: YQ==\n  b: 5\n", 12,
			"data.b: a number where a string belongs"},
		"a version of a kind that no load balancer depends on": {
			"apiVersion: elbv2.k8s.aws/v1\nkind: LoadBalancer\nmetadata: {name: web}\n", 7,
			"write apiVersion: elbv2.k8s.aws/v1alpha1"},
		"what an alias stands for": {service + "  labels: &x {a: 1}\n  annotations: *x\n", 11,
			"a number where a string belongs"},
		"an item of a list": {
			"apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Namespace\n  metadata: {name: a}\n- apiVersion: " +
				"v1\n  kind: Service\n  metadata: {name: web}\n  spec:\n    x: y\n", 17,
			`v1 List: item 1: v1 Service web: unknown field "spec.x"`},
		"a version that no cluster serves": {
			"kind: TargetGroupBinding\napiVersion: elbv2.k8s.aws/v1\nmetadata: {name: web}\n", 8,
			"no cluster serves this version; write apiVersion: elbv2.k8s.aws/v1beta1"},
		"a kind that our group does not have": {
			"apiVersion: elbv2.k8s.aws/v1beta1\nkind: TargetGroupBindings\nmetadata: {name: web}\n", 8,
			"elbv2.k8s.aws/v1beta1 TargetGroupBindings web: there is no such kind; those of elbv2.k8s.aws are " +
				"ALBTargetControlConfig, IngressClassParams, LoadBalancer, TargetGroupBinding"},
		"JSON": {
			"{\"apiVersion\": \"v1\",\n\"kind\": \"Service\",\n\"metadata\": {\"name\": 5}}\n", 9,
			"metadata.name: a number where a string belongs"},
		"what cannot be told more nearly": {class + "  creationTimestamp: yesterday\n", 7,
			"networking.k8s.io/v1 IngressClass alb: parsing time"},
	} {
		for _, end := range []string{"\n", "\r\n"} {
			_, _, err := Decode([]byte(strings.ReplaceAll(before+c.document, "\n", end)), "default")
			var m *MalformedError
			if !errors.As(err, &m) {
				t.Errorf("%s: %v", name, err)
				continue
			}
			if m.Line != c.line || m.Document != 2 || !strings.Contains(err.Error(), "document 2: ") ||
				!strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: line %d: %v; want line %d: document 2: %s", name, m.Line, err, c.line, c.want)
			}
		}
	}
}

func TestNothingMayFollowTheDashesBetweenDocuments(t *testing.T) {
	t.Parallel()
	for _, more := range []string{"", "---\n", "a: b\n"} {
		_, _, err := Decode([]byte(before+"--- {apiVersion: v1}\n"+more), "default")
		var m *MalformedError
		if !errors.As(err, &m) || m.Line != 7 || !strings.Contains(err.Error(), `"{apiVersion: v1}" follows the document separator`) {
			t.Errorf("then %q: %+v", more, err)
		}
	}
}

func TestABindingMayBeWrittenInEachVersionThatIsServed(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"v1alpha1", "v1beta1"} {
		objects, _, err := Decode([]byte("apiVersion: elbv2.k8s.aws/"+version+"\nkind: TargetGroupBinding\nmetadata: "+
			"{name: web}\nspec: {targetGroupName: web}\n"), "shop")
		if err != nil || len(objects) != 1 {
			t.Errorf("%s: %v, %v", version, objects, err)
			continue
		}
		if b, ok := objects[0].(*v1beta1.TargetGroupBinding); !ok || b.Namespace != "shop" ||
			b.Spec.TargetGroupName != "web" {
			t.Errorf("%s: %+v", version, objects[0])
		}
	}
}

func TestKindsOfOurGroupThatNoLoadBalancerDependsOnAreSkipped(t *testing.T) {
	t.Parallel()
	for _, head := range unread {
		version, kind, _ := strings.Cut(head, " ")
		_, skipped, err := Decode([]byte("apiVersion: "+version+"\nkind: "+kind+"\nmetadata: {name: web}\n"), "shop")
		if err != nil || len(skipped) != 1 {
			t.Errorf("%s: %v, %v", head, skipped, err)
		}
	}
}
