package drain

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/yaml"

	"github.com/k8s-lbc/lbc/internal/model/stack"
)

func pod(t *testing.T, text string) *corev1.Pod {
	t.Helper()
	p := &corev1.Pod{}
	if err := yaml.UnmarshalStrict([]byte(text), p); err != nil {
		t.Fatal(err)
	}
	return p
}

func TestTheSlowestLoadBalancerDecidesHowLongAPodServes(t *testing.T) {
	t.Parallel()
	alb, nlb, node := Target{Type: stack.Application}, Target{Type: stack.Network},
		Target{Type: stack.Network, Instance: true}
	with := func(t Target, delay int64) Target { t.Delay = ptr.To(delay); return t }
	for name, tc := range map[string]struct {
		targets []Target
		want    int64
	}{
		"none":                                  {nil, 0},
		"an ALB":                                {[]Target{alb}, 45},
		"an ALB that waits for requests":        {[]Target{with(alb, 120)}, 135},
		"an ALB that waits for none":            {[]Target{with(alb, 0)}, 15},
		"an ALB that waits for an hour":         {[]Target{with(alb, 3600)}, 600},
		"an NLB":                                {[]Target{nlb}, 180},
		"an NLB with a short delay":             {[]Target{with(nlb, 10)}, 180},
		"an NLB with a long delay":              {[]Target{with(nlb, 300)}, 300},
		"node ports":                            {[]Target{node}, 30},
		"node ports with a long delay":          {[]Target{with(node, 300)}, 300},
		"an ALB and an NLB":                     {[]Target{alb, nlb}, 180},
		"an ALB that is slower than node ports": {[]Target{node, alb}, 45},
	} {
		if got := Seconds(tc.targets); got != tc.want {
			t.Errorf("%s: %d seconds, want %d", name, got, tc.want)
		}
	}
}

func TestADelayIsKnownWhereItIsDeclared(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]*int64{"30": ptr.To(int64(30)), "0": ptr.To(int64(0)), "": nil, "soon": nil,
		"-1": nil} {
		if diff := cmp.Diff(want, DelayOf(map[string]string{DelayAttribute: value})); diff != "" {
			t.Errorf("%q: %s", value, diff)
		}
	}
}

func TestAPodLacksWhatItDoesNotDeclare(t *testing.T) {
	t.Parallel()
	const one, two = "containers: [{name: a}]", "containers: [{name: a}, {name: b}]"
	for _, tc := range []struct {
		name, pod string
		seconds   int64
		want      Missing
		why       string
	}{
		{name: "nothing declared", pod: "spec: {" + one + "}", seconds: 45, want: Missing{Sleep: 45, Containers: []int{0},
			Grace: 75}},
		{name: "the default of the API server", pod: "spec: {terminationGracePeriodSeconds: 30, " + two + "}", seconds: 180,
			want: Missing{Sleep: 180, Containers: []int{0, 1}, Grace: 210}},
		{name: "no load balancer", pod: "spec: {" + one + "}"},
		{name: "a longer grace period of its own", pod: "spec: {terminationGracePeriodSeconds: 300, " + one + "}",
			seconds: 180, want: Missing{Sleep: 180, Containers: []int{0}}},
		{name: "a shorter one", pod: "spec: {terminationGracePeriodSeconds: 60, " + one + "}", seconds: 180, want: Missing{
			Sleep: 30, Containers: []int{0}}, why: "terminationGracePeriodSeconds is 60, and load balancers may send requests " +
			"for 180 seconds"},
		{name: "one of the same length", pod: "spec: {terminationGracePeriodSeconds: 45, " + one + "}", seconds: 45,
			want: Missing{Sleep: 22, Containers: []int{0}}, why: "terminationGracePeriodSeconds is 45"},
		{name: "none at all", pod: "spec: {terminationGracePeriodSeconds: 0, " + one + "}", seconds: 45,
			why: "terminationGracePeriodSeconds is 0"},
		{name: "a hook of its own", pod: "spec: {containers: [{name: a, lifecycle: {preStop: {exec: {command: [x]}}}}]}",
			seconds: 45},
		{name: "a sleep of its own", pod: "spec: {containers: [{name: a, lifecycle: {preStop: {sleep: {seconds: 5}}}}]}",
			seconds: 45},
		{name: "a hook of one container", pod: "spec: {containers: [{name: a, lifecycle: {preStop: {exec: {command: " +
			"[x]}}}}, {name: b}]}", seconds: 45, want: Missing{Sleep: 45, Containers: []int{1}, Grace: 75}},
		{name: "another hook", pod: "spec: {containers: [{name: a, lifecycle: {postStart: {exec: {command: [x]}}}}]}",
			seconds: 45, want: Missing{Sleep: 45, Containers: []int{0}, Grace: 75}},
		{name: "sidecars end after all others", pod: "spec: {initContainers: [{name: s, restartPolicy: Always}], " + one +
			"}", seconds: 45, want: Missing{Sleep: 45, Containers: []int{0}, Grace: 75}},
		{name: "a length of its own", pod: "{metadata: {annotations: {elbv2.k8s.aws/pod-drain-seconds: '20'}}, spec: {" +
			one + "}}", seconds: 180, want: Missing{Sleep: 20, Containers: []int{0}, Grace: 50}},
		{name: "a length of its own before a load balancer is known",
			pod: "{metadata: {annotations: {elbv2.k8s.aws/pod-drain-seconds: '20'}}, spec: {" + one + "}}", want: Missing{
				Sleep: 20, Containers: []int{0}, Grace: 50}},
		{name: "declined", pod: "{metadata: {annotations: {elbv2.k8s.aws/pod-drain-seconds: '0'}}, spec: {" + one + "}}",
			seconds: 180},
		{name: "no number", pod: "{metadata: {annotations: {elbv2.k8s.aws/pod-drain-seconds: 20s}}, spec: {" + one + "}}",
			seconds: 45, want: Missing{Sleep: 45, Containers: []int{0}, Grace: 75},
			why: `annotation elbv2.k8s.aws/pod-drain-seconds has no effect: "20s"`},
	} {
		got := Of(pod(t, tc.pod), tc.seconds)
		why := strings.Join(got.Why, "; ")
		got.Why = nil
		if diff := cmp.Diff(tc.want, got); diff != "" || !strings.HasPrefix(why, tc.why) || why != "" && tc.why == "" {
			t.Errorf("%s: %q %s", tc.name, why, diff)
		}
	}
}

func TestAPodIsAbruptByWhatItDeclares(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ spec, how string }{
		"long enough": {"terminationGracePeriodSeconds: 60, containers: [{name: a, lifecycle: {preStop: {sleep: " +
			"{seconds: 45}}}}]", ""},
		"a short grace": {"terminationGracePeriodSeconds: 30, containers: [{name: a}]",
			"terminationGracePeriodSeconds is 30"},
		"the default grace": {"containers: [{name: a}]", "terminationGracePeriodSeconds is 30"},
		"a short sleep": {"terminationGracePeriodSeconds: 60, containers: [{name: a, lifecycle: {preStop: {sleep: " +
			"{seconds: 5}}}}]", "container a sleeps for 5 seconds"},
		"a hook of its own": {"terminationGracePeriodSeconds: 60, containers: [{name: a, lifecycle: {preStop: {exec: " +
			"{command: [x]}}}}]", ""},
		"stopped when it may": {"terminationGracePeriodSeconds: 60, containers: [{name: a}]", ""},
	} {
		how, abrupt := Abrupt(pod(t, "spec: {"+tc.spec+"}"), 45)
		if how != tc.how || abrupt != (tc.how != "") {
			t.Errorf("%s: %q %t", name, how, abrupt)
		}
	}
}

func TestTheSleepActionIsServedFromKubernetes130On(t *testing.T) {
	t.Parallel()
	for version, want := range map[string]bool{"1.29": false, "1.29+": false, "1.30": true, "1.30+": true, "1.36": true,
		"2.0": true, "": false} {
		major, minor, _ := strings.Cut(version, ".")
		if got := Served(major, minor); got != want {
			t.Errorf("%s: %t", version, got)
		}
	}
}
