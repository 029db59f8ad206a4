package admission

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/yaml"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
)

// operations are a patch as it is sent, without the op.
func operations(t *testing.T, ops []Operation) string {
	t.Helper()
	var lines []string
	for _, o := range ops {
		v, err := json.Marshal(o.Value)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, o.Path+" "+string(v))
	}
	return strings.Join(lines, "\n")
}

func TestPodsGetAReadinessGateForEachBindingThatWillRegisterThem(t *testing.T) {
	t.Parallel()
	binding := func(namespace, name, service string, kind v1beta1.TargetType) *v1beta1.TargetGroupBinding {
		b := &v1beta1.TargetGroupBinding{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
		b.Spec.ServiceRef.Name = service
		if kind != "" {
			b.Spec.TargetType = &kind
		}
		return b
	}
	service := func(name string, selector map[string]string) *corev1.Service {
		return &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name}, Spec: corev1.ServiceSpec{
			Selector: selector}}
	}
	leaving := binding("shop", "leaving", "web", v1beta1.TargetTypeIP)
	leaving.DeletionTimestamp = ptr.To(metav1.Now())
	long := strings.Repeat("x", 64)
	objs := []metav1.Object{
		binding("shop", "b-web", "web", v1beta1.TargetTypeIP), binding("shop", "a-web", "web", v1beta1.TargetTypeIP),
		binding("shop", "nodes", "web", v1beta1.TargetTypeInstance), binding("shop", "incomplete", "web", ""),
		binding("shop", "api", "api", v1beta1.TargetTypeIP), binding("shop", "lonely", "absent", v1beta1.TargetTypeIP),
		binding("shop", "external", "external", v1beta1.TargetTypeIP), binding("other", "elsewhere", "web",
			v1beta1.TargetTypeIP), leaving,
		binding("shop", long, "long", v1beta1.TargetTypeIP),
		service("web", map[string]string{"app": "web"}), service("api", map[string]string{"app": "api", "tier": "x"}),
		service("external", nil),
		service("long", map[string]string{"app": "long"}),
	}
	const a, b = `{"conditionType":"target-health.elbv2.k8s.aws/a-web"}`,
		`{"conditionType":"target-health.elbv2.k8s.aws/b-web"}`
	for name, tc := range map[string]struct {
		labels map[string]string
		gates  []corev1.PodConditionType
		want   string
		warned bool
	}{
		"one that two bindings register": {labels: map[string]string{"app": "web", "more": "x"},
			want: "/spec/readinessGates [" + a + "," + b + "]"},
		"one that nobody selects":     {labels: map[string]string{"app": "x"}},
		"one without labels":          {},
		"one with half of the labels": {labels: map[string]string{"app": "api"}},
		"gates of others stay": {map[string]string{"app": "web"}, []corev1.PodConditionType{"example.com/z"},
			"/spec/readinessGates/- " + a + "\n/spec/readinessGates/- " + b, false},
		"a gate that is there": {map[string]string{"app": "web"}, []corev1.PodConditionType{
			"target-health.elbv2.k8s.aws/b-web"}, "/spec/readinessGates/- " + a, false},
		"all are there": {map[string]string{"app": "web"}, []corev1.PodConditionType{
			"target-health.elbv2.k8s.aws/b-web", "target-health.elbv2.k8s.aws/a-web"}, "", false},
		"legacy gates go": {map[string]string{"app": "web"}, []corev1.PodConditionType{
			"target-health.alb.ingress.k8s.aws/w_w_80", "example.com/z", "target-health.alb.ingress.k8s.aws"},
			`/spec/readinessGates [{"conditionType":"example.com/z"},` + a + "," + b + "]", false},
		"legacy gates stay where none is ours": {map[string]string{"app": "x"}, []corev1.PodConditionType{
			"target-health.alb.ingress.k8s.aws/w_w_80"}, "", false},
		"a name that makes no condition": {labels: map[string]string{"app": "long"}, warned: true},
	} {
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Labels: tc.labels}}
		for _, g := range tc.gates {
			pod.Spec.ReadinessGates = append(pod.Spec.ReadinessGates, corev1.PodReadinessGate{ConditionType: g})
		}
		got := ReadinessGates(objects.FromObjects(objs), pod)
		if diff := cmp.Diff(tc.want, operations(t, got.Patch)); diff != "" || got.Denied != "" ||
			len(got.Warnings) > 0 != tc.warned {
			t.Errorf("%s: %+v %s", name, got, diff)
		}
	}
}

func TestPodsGetAGateForABindingThatIsToCome(t *testing.T) {
	t.Parallel()
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop"}}
	got := ReadinessGates(objects.FromObjects[metav1.Object](nil), pod, "web", "web", strings.Repeat("x", 64))
	if want := `/spec/readinessGates [{"conditionType":"target-health.elbv2.k8s.aws/web"}]`; operations(
		t, got.Patch) != want {
		t.Errorf("%+v", got)
	}
}

func agentPod(t *testing.T, text string) *corev1.Pod {
	t.Helper()
	pod := &corev1.Pod{}
	if err := yaml.UnmarshalStrict([]byte(text), pod); err != nil {
		t.Fatal(err)
	}
	pod.Namespace = "shop"
	return pod
}

func TestPodsDeclareWhetherTheyWantAnAgentAndElseTheirNamespace(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, namespace, pod string
		want                 bool
	}{
		{"neither", "", "", false},
		{"the namespace", "enabled", "", true},
		{"the namespace says something else", "yes", "", false},
		{"the pod declines", "enabled", `metadata: {labels: {elbv2.k8s.aws/alb-target-control-agent-inject: "false"}}`,
			false},
		{"the pod asks", "", `metadata: {labels: {elbv2.k8s.aws/alb-target-control-agent-inject: "true"}}`, true},
		{"the pod asks where the namespace says something else", "disabled",
			`metadata: {labels: {elbv2.k8s.aws/alb-target-control-agent-inject: "true"}}`, true},
		{"the pod says something else", "enabled",
			`metadata: {labels: {elbv2.k8s.aws/alb-target-control-agent-inject: "maybe"}}`, true},
		{"one is there", "enabled", "spec: {containers: [{name: app}, {name: alb-target-control-agent}]}", false},
		{"one is there as a sidecar", "enabled", "spec: {initContainers: [{name: alb-target-control-agent}], containers: " +
			"[{name: app}]}", false},
	} {
		ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "shop"}}
		if tc.namespace != "" {
			ns.Labels = map[string]string{"elbv2.k8s.aws/alb-target-control-agent-injection": tc.namespace}
		}
		if got := WantsAgent(objects.FromObjects([]metav1.Object{ns}), agentPod(t, tc.pod)); got != tc.want {
			t.Errorf("%s: %t", tc.name, got)
		}
	}
	if WantsAgent(objects.FromObjects[metav1.Object](nil), agentPod(t, "")) {
		t.Error("a namespace that nobody knows")
	}
}

func TestAnAgentIsWhatConfigurationAndPodDescribe(t *testing.T) {
	t.Parallel()
	const base = `image: agent:1, dataAddress: "0.0.0.0:80", controlAddress: "0.0.0.0:3000", destinationAddress: "127.0.0.1:8080"`
	const ports = `"ports":[{"name":"data","containerPort":80,"protocol":"TCP"},{"name":"control","containerPort":3000,"protocol":"TCP"}]`
	env := func(data, control, destination, concurrency, more string) string {
		return `"env":[{"name":"TARGET_CONTROL_DATA_ADDRESS","value":"` + data +
			`"},{"name":"TARGET_CONTROL_CONTROL_ADDRESS","value":"` + control +
			`"},{"name":"TARGET_CONTROL_DESTINATION_ADDRESS","value":"` + destination +
			`"},{"name":"TARGET_CONTROL_MAX_CONCURRENCY","value":"` + concurrency + `"}` + more + `]`
	}
	usual := env("0.0.0.0:80", "0.0.0.0:3000", "127.0.0.1:8080", "1", "")
	const injected = `/metadata/annotations {"elbv2.k8s.aws/alb-target-control-agent-injected":"true"}`
	const beside = `/metadata/annotations/elbv2.k8s.aws~1alb-target-control-agent-injected "true"`
	prefix := "elbv2.k8s.aws/alb-target-control-agent-"
	for _, tc := range []struct {
		name, config string
		annotations  map[string]string
		container    string
		denied       string
		warned       bool
	}{
		{name: "as configured", config: base, container: `"image":"agent:1",` + ports + `,` + usual + `,"resources":{}`},
		{name: "with everything", config: base +
			`, maxConcurrency: 7, tlsCertPath: /c, tlsKeyPath: /k, tlsSecurityPolicy: p, protocolVersion: GRPC, rustLog: info, resources: {requests: {cpu: 100m}}`,
			container: `"image":"agent:1",` + ports + `,` + env("0.0.0.0:80", "0.0.0.0:3000", "127.0.0.1:8080", "7",
				`,{"name":"TARGET_CONTROL_TLS_CERT_PATH","value":"/c"},{"name":"TARGET_CONTROL_TLS_KEY_PATH","value":"/k"},{"name":"TARGET_CONTROL_TLS_SECURITY_POLICY","value":"p"},{"name":"TARGET_CONTROL_PROTOCOL_VERSION","value":"GRPC"},{"name":"RUST_LOG","value":"info"}`) +
				`,"resources":{"requests":{"cpu":"100m"}}`},
		{name: "overridden", config: base + ", resources: {requests: {cpu: 100m}}", annotations: map[string]string{
			"image": "agent:2", "data-address": "[::]:80", "control-address": "10.0.0.1:3000", "destination-address": "[::1]:81",
			"max-concurrency": "0",
			"cpu-request":     "1", "cpu-limit": "2", "memory-request": "64Mi", "memory-limit": "128Mi", "rust-log": "debug",
			"protocol-version": "HTTP2",
		}, container: `"image":"agent:2",` + ports + `,` + env("[::]:80", "10.0.0.1:3000", "[::1]:81", "0",
			`,{"name":"TARGET_CONTROL_PROTOCOL_VERSION","value":"HTTP2"},{"name":"RUST_LOG","value":"debug"}`) +
			`,"resources":{"limits":{"cpu":"2","memory":"128Mi"},"requests":{"cpu":"1","memory":"64Mi"}}`},
		{name: "a host name in the configuration",
			config: `image: agent:1, dataAddress: "0.0.0.0:80", controlAddress: "0.0.0.0:3000", destinationAddress: "localhost:8080"`,
			container: `"image":"agent:1",` + ports + `,` + env("0.0.0.0:80", "0.0.0.0:3000", "localhost:8080", "1", "") +
				`,"resources":{}`},
		{name: "no quantity", config: base, annotations: map[string]string{"cpu-limit": "lots"},
			container: `"image":"agent:1",` + ports + `,` + usual + `,"resources":{}`, warned: true},
		{name: "a host name in an annotation", config: base, annotations: map[string]string{"data-address": "localhost:80"},
			denied: "invalid data address format: localhost:80"},
		{name: "no port", config: base, annotations: map[string]string{"control-address": "10.0.0.1"},
			denied: "invalid control address format: 10.0.0.1"},
		{name: "a port that cannot be", config: base, annotations: map[string]string{"destination-address": "10.0.0.1:70000"},
			denied: "invalid destination address format"},
		{name: "a configured port that cannot be",
			config: `image: a, dataAddress: "x:0", controlAddress: "0.0.0.0:3000", destinationAddress: "127.0.0.1:8080"`,
			denied: "invalid data address format: x:0"},
		{name: "too much at a time", config: base, annotations: map[string]string{"max-concurrency": "1001"},
			denied: "invalid concurrency value: 1001 (must be 0-1000)"},
		{name: "no number", config: base, annotations: map[string]string{"max-concurrency": "x"},
			denied: "invalid concurrency value: x (must be 0-1000)"},
		{name: "no protocol", config: base, annotations: map[string]string{"protocol-version": "http1"},
			denied: "invalid protocol version: http1"},
		{name: "no level", config: base, annotations: map[string]string{"rust-log": "trace"},
			denied: "invalid rust log level: trace"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			config := spec[v1beta1.ALBTargetControlConfig](t, "{"+tc.config+"}")
			before := config.DeepCopy()
			pod := agentPod(t, "spec: {containers: [{name: app}]}")
			mark := injected
			for k, v := range tc.annotations {
				metav1.SetMetaDataAnnotation(&pod.ObjectMeta, prefix+k, v)
				mark = beside
			}
			got := Agent(config, pod)
			if tc.denied != "" {
				if !strings.Contains(got.Denied, tc.denied) || got.Check != checkAgent || got.Patch != nil {
					t.Errorf("%+v", got)
				}
				return
			}
			want := `/spec/containers/- {"name":"alb-target-control-agent",` + tc.container + "}\n" + mark
			if diff := cmp.Diff(want, operations(t, got.Patch)); diff != "" || got.Denied != "" ||
				len(got.Warnings) > 0 != tc.warned {
				t.Errorf("%+v: %s", got, diff)
			}
			if diff := cmp.Diff(before, config); diff != "" {
				t.Errorf("the configuration was edited: %s", diff)
			}
		})
	}
}
