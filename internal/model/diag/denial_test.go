package diag

import (
	"strings"
	"testing"
)

func TestDenialNamesPolicyAndObject(t *testing.T) {
	t.Parallel()
	binding := Object{Kind: "TargetGroupBinding", Namespace: "shop", Name: "k8s-shop-web"}
	for name, x := range map[string]struct{ text, says, remedy string }{
		"validating policy": {
			`targetgroupbindings.elbv2.k8s.aws "k8s-shop-web" is forbidden: ValidatingAdmissionPolicy 'require-team' with binding 'all' denied request: label team is missing`,
			"ValidatingAdmissionPolicy require-team refuses TargetGroupBinding shop/k8s-shop-web: label team is missing",
			"kubectl get validatingadmissionpolicy require-team -o yaml",
		},
		"mutating policy": {
			`x is forbidden: policy 'default-team' with binding 'all' denied request: no`,
			"MutatingAdmissionPolicy default-team refuses TargetGroupBinding shop/k8s-shop-web: no",
			"kubectl get mutatingadmissionpolicy default-team -o yaml",
		},
		"Kyverno": {
			"admission webhook \"validate.kyverno.svc-fail\" denied the request: \n\nresource " +
				"TargetGroupBinding/shop/k8s-shop-web was blocked due to the following policies\n\nrequire-team:\n  " +
				"check: no team\n",
			"admission webhook validate.kyverno.svc-fail refuses TargetGroupBinding shop/k8s-shop-web: resource " +
				"TargetGroupBinding/shop/k8s-shop-web was blocked due to the following policies require-team: check: no team",
			"exempt the controller's service account",
		},
		"Gatekeeper": {
			`admission webhook "validation.gatekeeper.sh" denied the request: [team] no label`,
			"admission webhook validation.gatekeeper.sh refuses TargetGroupBinding shop/k8s-shop-web: [team] no label",
			"--object-labels",
		},
		"a webhook without a word": {
			`admission webhook "x.example.com" denied the request without explanation`,
			"admission webhook x.example.com refuses TargetGroupBinding shop/k8s-shop-web", "exempt",
		},
		"a webhook that does not answer": {
			`Internal error occurred: failed calling webhook "x.example.com": failed to call webhook: Post "https://x.svc": connection refused`,
			"admission webhook x.example.com refuses TargetGroupBinding shop/k8s-shop-web: failed to call webhook: Post " +
				"\"https://x.svc\": connection refused", "have it answer",
		},
		"quota": {
			`targetgroupbindings.elbv2.k8s.aws "a" is forbidden: exceeded quota: few, requested: count/targetgroupbindings.elbv2.k8s.aws=1, used: 0, limited: 0`,
			"ResourceQuota few refuses TargetGroupBinding shop/k8s-shop-web: requested: " +
				"count/targetgroupbindings.elbv2.k8s.aws=1, used: 0, limited: 0", "kubectl get resourcequota few -n shop -o yaml",
		},
		"Pod Security": {
			`pods "a" is forbidden: violates PodSecurity "restricted:latest": seccompProfile`,
			"Pod Security Standard restricted:latest refuses TargetGroupBinding shop/k8s-shop-web: seccompProfile",
			"kubectl get namespace shop",
		},
	} {
		d, ok := DenialOf(x.text)
		if text, remedy := d.Of(binding, true); !ok || text != x.says || !strings.Contains(remedy, x.remedy) {
			t.Errorf("%s: %t, %q, %q", name, ok, text, remedy)
		}
	}
}

func TestOtherErrorsAreNoDenials(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		`ingresses "web" is forbidden: User "system:serviceaccount:kube-system:lbc" cannot patch resource "ingresses"`,
		`ingresses "web" is forbidden: unable to create new content in namespace shop because it is being terminated`,
		`Operation cannot be fulfilled on ingresses "web": the object has been modified`, "etcdserver: request timed out", "",
	} {
		if d, ok := DenialOf(text); ok {
			t.Errorf("%q: %+v", text, d)
		}
	}
}
