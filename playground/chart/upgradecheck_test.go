package chart

import (
	"slices"
	"strings"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
)

const upgradeCheck = "aws-load-balancer-controller-upgrade-check"

// checked renders the chart with the check and returns the Job.
func checked(t *testing.T, given string) (*Rendering, *batchv1.Job) {
	t.Helper()
	r := render(t, load(t), base(values(t, given)), Release{Upgrade: true})
	o := r.Object("Job", upgradeCheck)
	if o == nil {
		t.Fatal("there is no Job")
	}
	j := &batchv1.Job{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, j); err != nil {
		t.Fatal(err)
	}
	return r, j
}

func TestUpgradeCheckIsOffByDefault(t *testing.T) {
	t.Parallel()
	for _, o := range render(t, load(t), base(), Release{Upgrade: true}).Objects {
		if o.GetKind() == "Job" || strings.Contains(o.GetName(), "upgrade-check") {
			t.Errorf("%s %s", o.GetKind(), o.GetName())
		}
	}
}

// TestUpgradeCheckPlansWithTheNewValues shows that the Job has the image, the flags and the environment of the
// Deployment.
func TestUpgradeCheckPlansWithTheNewValues(t *testing.T) {
	t.Parallel()
	r, j := checked(
		t, `{upgradeCheck: {enabled: true}, region: us-west-2, image: {tag: v9.9.9}, defaultTargetType: ip, env: {HTTPS_PROXY: "http://proxy:3128"}, envSecretName: keys, extraVolumes: [{name: ca}], extraVolumeMounts: [{name: ca, mountPath: /ca}]}`)
	d, c := deployment(t, r), j.Spec.Template.Spec.Containers[0]
	main := d.Spec.Template.Spec.Containers[0]
	if c.Image != main.Image || !slices.Equal(c.Command, []string{"/lbc"}) ||
		!slices.Equal(c.Args, append([]string{"plan", "-A", "--exit-code", "--upgrade-check"}, main.Args...)) {
		t.Errorf("%s %v %v, and the Deployment has %s %v", c.Image, c.Command, c.Args, main.Image, main.Args)
	}
	if value(c.Env) != value(main.Env) || len(c.Env) != 3 || value(c.VolumeMounts) != value(main.VolumeMounts) ||
		len(j.Spec.Template.Spec.Volumes) != 1 {
		t.Errorf("environment %v, mounts %v, and the Deployment has %v, %v", c.Env, c.VolumeMounts, main.Env,
			main.VolumeMounts)
	}
	if *j.Spec.BackoffLimit != 0 || *j.Spec.ActiveDeadlineSeconds != 600 {
		t.Errorf("%v", j.Spec)
	}
}

// TestUpgradeCheckIsNoPodOfTheController has neither the Service nor the Deployment nor the PodDisruptionBudget select
// the pod of the Job.
func TestUpgradeCheckIsNoPodOfTheController(t *testing.T) {
	t.Parallel()
	r, j := checked(t, `{upgradeCheck: {enabled: true}}`)
	selector, err := metav1.LabelSelectorAsSelector(deployment(t, r).Spec.Selector)
	if err != nil {
		t.Fatal(err)
	}
	if selector.Matches(labels.Set(j.Spec.Template.Labels)) {
		t.Errorf("%s selects %v", selector, j.Spec.Template.Labels)
	}
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, result := range evaluator.EvaluatePod(api.LevelVersion{Level: api.LevelRestricted,
		Version: api.LatestVersion()}, &j.Spec.Template.ObjectMeta, &j.Spec.Template.Spec) {
		if !result.Allowed {
			t.Errorf("%s: %s", result.ForbiddenReason, result.ForbiddenDetail)
		}
	}
}

// TestUpgradeCheckIsMadeOfHooksThatRead shows that each object lasts for the upgrade only, and that the rights are
// those of readers.
func TestUpgradeCheckIsMadeOfHooksThatRead(t *testing.T) {
	t.Parallel()
	r, j := checked(
		t, `{upgradeCheck: {enabled: true}, serviceAccount: {annotations: {eks.amazonaws.com/role-arn: "arn:aws:iam::123456789012:role/lbc"}}}`)
	var kinds []string
	for _, o := range r.Objects {
		if o.GetName() != upgradeCheck {
			continue
		}
		kinds = append(kinds, o.GetKind())
		a := o.GetAnnotations()
		if a["helm.sh/hook"] != "pre-upgrade" || a["helm.sh/hook-delete-policy"] != "before-hook-creation,hook-succeeded" ||
			(o.GetKind() == "Job") != (a["helm.sh/hook-weight"] == "0") {
			t.Errorf("%s: %v", o.GetKind(), a)
		}
		if o.GetKind() == "ServiceAccount" && a["eks.amazonaws.com/role-arn"] != "arn:aws:iam::123456789012:role/lbc" {
			t.Errorf("the account has %v", a)
		}
	}
	if want := []string{"ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Job"}; !slices.Equal(kinds, want) ||
		j.Spec.Template.Spec.ServiceAccountName != upgradeCheck {
		t.Errorf("%v, the pod has account %s", kinds, j.Spec.Template.Spec.ServiceAccountName)
	}
	compare(t, "the check's ClusterRole", granted(t, r.Object("ClusterRole", upgradeCheck)),
		granted(t, r.Object("ClusterRole", "aws-load-balancer-controller-lbc-reader")))

	r, j = checked(t, `{upgradeCheck: {enabled: true, serviceAccount: {name: theirs}}, rbac: {create: false}}`)
	for _, kind := range []string{"ServiceAccount", "ClusterRole", "ClusterRoleBinding"} {
		if r.Object(kind, upgradeCheck) != nil || j.Spec.Template.Spec.ServiceAccountName != "theirs" {
			t.Errorf("there is a %s, account %s", kind, j.Spec.Template.Spec.ServiceAccountName)
		}
	}
}
