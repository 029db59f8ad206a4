package registrar

import (
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/k8s-lbc/lbc/internal/kube/pod/serverid"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

const firstID, secondID = "0x2c1873c000000289", "0x2815b9f400001505"

func TestEndpointsOfQUICHaveTheServerIDsOfTheirPods(t *testing.T) {
	t.Parallel()
	with := func(name, value string) *corev1.Pod {
		p := pod(name, "good", corev1.ConditionTrue)
		p.Annotations = map[string]string{serverid.Annotation: "app"}
		p.Spec.Containers = []corev1.Container{{Name: "app", Env: []corev1.EnvVar{{Name: "QUIC_ID", Value: value}}}}
		return p
	}
	c := cluster{pods: map[string]*corev1.Pod{"a": with("a", "LBhzwAAAAok="), "b": with("b", "KBW59AAAFQU="),
		"same": with("same", "LBhzwAAAAok="), "wrong": with("wrong", "AAAA"),
		"none": pod("none", "good", corev1.ConditionTrue)}}
	at := func(ip, pod string, port int32) Endpoint {
		return Endpoint{Target: Target{ID: ip, Port: port}, Namespace: "shop", Pod: pod}
	}
	identified, missing, repeated := WithServerIDs(t.Context(), c, EndpointsOf(
		at("10.0.0.1", "a", 443), at("10.0.0.1", "a", 8443), at("10.0.0.2", "b", 443), at("10.0.0.3", "same", 443),
		at("10.0.0.4", "wrong", 443), at("10.0.0.5", "none", 443), at("10.0.0.6", "", 443),
	), "QUIC_ID")
	keys := func(of []Endpoint) (out []string) {
		for _, e := range of {
			out = append(out, e.Key())
		}
		return out
	}
	if diff := cmp.Diff([]string{"10.0.0.1:443:" + firstID, "10.0.0.1:8443:" + firstID, "10.0.0.2:443:" + secondID},
		keys(identified)); diff != "" {
		t.Error(diff)
	}
	if got := keys(missing); !slices.Equal(got, []string{"10.0.0.4:443", "10.0.0.5:443", "10.0.0.6:443"}) {
		t.Errorf("without id %q", got)
	}
	if got := keys(repeated); !slices.Equal(got, []string{"10.0.0.3:443:" + firstID}) {
		t.Errorf("with an id of another %q", got)
	}
}

// TestNewServerIDWaitsForDeregistration also holds that what AWS describes with
// the id that is wanted is left alone.
func TestNewServerIDWaitsForDeregistration(t *testing.T) {
	t.Parallel()
	old := held("10.0.0.1", "healthy")
	old.Target.QuicServerId = aws.String(firstID)
	b := &balancing{held: []types.TargetHealthDescription{old}}
	var ids []string
	b.refuse = func(in []awsop.Target) error {
		for _, t := range in {
			ids = append(ids, t.ServerID)
		}
		return nil
	}
	r := newRegistry(b, b.write, func(string) bool { return false })
	q := func(id string) Request {
		want := wantAs(func(e *Endpoint) { e.ServerID, e.Namespace, e.Pod = id, "shop", "web" }, "10.0.0.1")
		return Request{Group: tg, Binding: stack.ID{Namespace: "shop", Name: "web"}, Want: want}
	}
	if c, err := r.Sync(t.Context(), q(firstID)); err != nil || c.Registered+c.Deregistered > 0 || len(b.steps) > 0 {
		t.Errorf("of the id that it has: %+v, %v, %q", c, err, b.steps)
	}
	c, err := r.Sync(t.Context(), q(secondID))
	if err != nil || c.Registered != 1 || c.Deregistered != 1 {
		t.Errorf("%+v, %v", c, err)
	}
	if !slices.Equal(b.steps, []string{"deregister 1 from 10.0.0.1", "register 1 from 10.0.0.1"}) ||
		!slices.Equal(ids, []string{secondID}) {
		t.Errorf("%q with ids %q", b.steps, ids)
	}
	if got := r.Registered(tg.Scope)[arn]; len(got) != 1 || got[0].ServerID != secondID {
		t.Errorf("registered for the next process: %+v", got)
	}
}

func TestHealthIsThatOfTheTargetWithTheServerIDThatWasAskedFor(t *testing.T) {
	t.Parallel()
	// AWS shows no id of what is not registered
	b := &balancing{held: []types.TargetHealthDescription{held("10.0.0.1", "unused"), held("10.0.0.2", "healthy")}}
	b.held[1].Target.QuicServerId = aws.String(secondID)
	r := newRegistry(b, b.write, func(string) bool { return true })
	health, err := r.Health(t.Context(), tg, Target{ID: "10.0.0.1", Port: 80, ServerID: firstID},
		Target{ID: "10.0.0.2", Port: 80, ServerID: firstID})
	if err != nil || len(health) != 2 || health[0].ServerID != firstID || health[1].ServerID != secondID {
		t.Errorf("%+v, %v", health, err)
	}
}
