package chart

import (
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
)

func deployment(t *testing.T, r *Rendering) *appsv1.Deployment {
	t.Helper()
	var d appsv1.Deployment
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(r.Object("Deployment", "aws-load-balancer-controller").
		Object, &d); err != nil {
		t.Fatal(err)
	}
	return &d
}

// TestPodsPassTheStandardRestricted asks the checks that API servers make in namespaces with that Pod Security
// Standard. Values that the existing chart's users set must not take it away.
func TestPodsPassTheStandardRestricted(t *testing.T) {
	t.Parallel()
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		t.Fatal(err)
	}
	c := load(t)
	restricted := api.LevelVersion{Level: api.LevelRestricted, Version: api.LatestVersion()}
	for _, v := range []string{
		`{clusterName: c}`,
		`{clusterName: c, podSecurityContext: {fsGroup: 65534}, securityContext: {readOnlyRootFilesystem: true, runAsNonRoot: true, allowPrivilegeEscalation: false}}`,
		`{clusterName: c, podSecurityContext: {runAsUser: 1000}, securityContext: {runAsUser: 1000}}`,
	} {
		d := deployment(t, render(t, c, values(t, v), Release{}))
		for _, result := range evaluator.EvaluatePod(restricted, &d.Spec.Template.ObjectMeta, &d.Spec.Template.Spec) {
			if !result.Allowed {
				t.Errorf("%s: %s: %s", v, result.ForbiddenReason, result.ForbiddenDetail)
			}
		}
	}
}

// TestAPodOnTheHostNetworkIsReplacedInItsPlace shows the default of updateStrategy with hostNetwork.
func TestAPodOnTheHostNetworkIsReplacedInItsPlace(t *testing.T) {
	t.Parallel()
	c := load(t)
	for v, surge := range map[string]string{
		`{clusterName: c, hostNetwork: true}`:                                                                      "0",
		`{clusterName: c, hostNetwork: true, replicaCount: 1}`:                                                     "",
		`{clusterName: c, hostNetwork: true, updateStrategy: {type: RollingUpdate, rollingUpdate: {maxSurge: 1}}}`: "1",
	} {
		got := ""
		if u := deployment(t, render(t, c, values(t, v), Release{})).Spec.Strategy.RollingUpdate; u != nil {
			got = u.MaxSurge.String()
		}
		if got != surge {
			t.Errorf("%s: maxSurge %q, want %q", v, got, surge)
		}
	}
}
