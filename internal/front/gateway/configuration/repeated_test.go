package configuration

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	gatewayv1 "github.com/k8s-lbc/lbc/api/gateway/v1"
)

func TestRepeatedEntriesAreFound(t *testing.T) {
	t.Parallel()
	balancer := loadBalancer(t, "own", `{loadBalancerAttributes: [{key: a, value: "1"}, {key: b, value: "1"},
{key: a, value: "2"}, {key: b, value: "1"}], listenerConfigurations: [
{protocolPort: "HTTPS:443", mutualAuthentication: {mode: passthrough}},
{protocolPort: "HTTP:80", listenerAttributes: [{key: c, value: "1"}, {key: c, value: "2"}]},
{protocolPort: "https:443", sslPolicy: p}]}`)
	groups := &gatewayv1.TargetGroupConfiguration{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "web"},
		Spec: spec[gatewayv1.TargetGroupConfigurationSpec](t, `{defaultConfiguration: {targetGroupAttributes: [
{key: d, value: "1"}, {key: d, value: "2"}]}, routeConfigurations: [
{routeIdentifier: {kind: HTTPRoute}, targetGroupProps: {targetType: ip}},
{routeIdentifier: {kind: GRPCRoute}, targetGroupProps: {targetGroupAttributes: [{key: e, value: "1"},
{key: e, value: "2"}]}},
{routeIdentifier: {kind: HTTPRoute}, targetGroupProps: {targetType: instance}}]}`)}
	var got []string
	for _, r := range append(RepeatedInLoadBalancer(balancer), RepeatedInTargetGroups(groups)...) {
		got = append(got, r.Object().Name+" "+r.Path()+": "+r.Text())
	}
	want := []string{
		"own spec.loadBalancerAttributes[0]: entry 2 has the same key a and applies",
		"own spec.listenerConfigurations[0]: entry 2 has the same protocolPort HTTPS:443 and applies",
		"own spec.listenerConfigurations[1].listenerAttributes[0]: entry 1 has the same key c and applies",
		"web spec.defaultConfiguration.targetGroupAttributes[0]: entry 1 has the same key d and applies",
		`web spec.routeConfigurations[2]: entry 0 has the same routeIdentifier {"kind":"HTTPRoute"} and applies`,
		"web spec.routeConfigurations[1].targetGroupProps.targetGroupAttributes[0]: entry 1 has the same key e and applies",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}
