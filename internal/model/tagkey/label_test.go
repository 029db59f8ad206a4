package tagkey

import "testing"

func TestLabelsOfTheControllerAreReserved(t *testing.T) {
	t.Parallel()
	for key, want := range map[string]bool{
		"ingress.k8s.aws/stack": true, "service.k8s.aws/stack-name": true, "ELBV2.k8s.aws/x": true, "k8s.aws/y": true,
		"gateway.k8s.aws.alb/stack-name":         true,
		"gateway.networking.k8s.io/gateway-name": true, "team": false, "example.com/team": false,
		"app.kubernetes.io/part-of": false, "notk8s.aws/x": false, "k8s.aws": false,
	} {
		if got := ReservedLabel(key); got != want {
			t.Errorf("%s: %t", key, got)
		}
	}
}
