package webhook

import (
	"context"
	"encoding/json"
	"errors"
	"testing"

	admissionv1 "k8s.io/api/admission/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/internal/model/impairment"
)

// admitting is an API server that has both webhooks of TargetGroupBindings look at an object, unless they cannot be
// reached or refuses is set.
type admitting struct {
	client.Client
	t       *testing.T
	reached bool
	refuses error
}

// Create implements client.Writer.
func (a *admitting) Create(_ context.Context, o client.Object, opts ...client.CreateOption) error {
	var with client.CreateOptions
	with.ApplyOptions(opts)
	if len(with.DryRun) != 1 {
		a.t.Error("the object would be stored")
	}
	if a.refuses != nil || !a.reached {
		return a.refuses
	}
	raw, err := json.Marshal(o)
	if err != nil {
		a.t.Fatal(err)
	}
	var refused []string
	handlers := Handlers(options(nil, nil, nil, &refused))
	request := admissionv1.AdmissionRequest{Name: o.GetName(), Namespace: o.GetNamespace(), Operation: admissionv1.Create,
		DryRun: ptr.To(true), Object: runtime.RawExtension{Raw: raw}}
	for _, path := range []string{CompleteBindingPath, BindingPath} {
		answer := post(a.t, handlers[path], request)
		if !answer.Allowed || len(refused) > 0 {
			a.t.Errorf("%s refuses the probe: %+v, %v", path, answer.Result, refused)
		}
		if len(answer.Patch) > 0 {
			o.SetAnnotations(patched(a.t, answer.Patch))
		}
	}
	return nil
}

// patched are the annotations that a patch adds.
func patched(t *testing.T, patch []byte) map[string]string {
	t.Helper()
	var steps []struct {
		Path  string
		Value map[string]string
	}
	if err := json.Unmarshal(patch, &steps); err != nil || len(steps) != 1 || steps[0].Path != "/metadata/annotations" {
		t.Fatalf("%s: %v", patch, err)
	}
	return steps[0].Value
}

func TestUnreachedWebhooksAreACondition(t *testing.T) {
	t.Parallel()
	unreached := errors.New(`Internal error occurred: failed calling webhook "mtargetgroupbinding.elbv2.k8s.aws": ` +
		"dial tcp: i/o timeout")
	forbidden := errors.New("targetgroupbindings.elbv2.k8s.aws is forbidden")
	policy := errors.New(`admission webhook "validate.kyverno.svc" denied the request: no owner`)
	for name, tc := range map[string]struct {
		looks []admitting
		holds bool
	}{
		"they answer":                     {[]admitting{{reached: true}, {reached: true}}, false},
		"one request misses them":         {[]admitting{{reached: true}, {}, {reached: true}, {}}, false},
		"they fail open":                  {[]admitting{{reached: true}, {}, {}}, true},
		"they fail closed":                {[]admitting{{refuses: unreached}, {refuses: unreached}}, true},
		"they answer again":               {[]admitting{{}, {}, {reached: true}}, false},
		"a policy refuses every binding":  {[]admitting{{refuses: policy}, {refuses: policy}, {refuses: policy}}, false},
		"a policy refuses one that waits": {[]admitting{{}, {refuses: policy}, {}}, true},
		"the API server does not answer":  {[]admitting{{}, {}, {refuses: context.DeadlineExceeded}}, true},
		"a right is missing":              {[]admitting{{refuses: forbidden}, {refuses: forbidden}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var conditions impairment.Conditions
			reach := Reach{Conditions: &conditions, Namespace: "kube-system"}
			for _, server := range tc.looks {
				server.t = t
				reach.Client = &server
				reach.Look(t.Context())
			}
			if got := conditions.Has(impairment.Webhooks); got != tc.holds {
				t.Errorf("the condition holds: %t", got)
			}
		})
	}
}

// TestWebhooksWithoutCertificateAreNotProbed: the condition of the certificate says more.
func TestWebhooksWithoutCertificateAreNotProbed(t *testing.T) {
	t.Parallel()
	var conditions impairment.Conditions
	conditions.Set(impairment.Condition{Reason: impairment.WebhookCertificate})
	reach := Reach{Conditions: &conditions, Client: &admitting{t: t}}
	for range 3 {
		reach.Look(t.Context())
	}
	if conditions.Has(impairment.Webhooks) {
		t.Error("two conditions have one cause")
	}
}

// TestOnlyTheProbeIsAnsweredWithoutAnExamination: an object of this name that is to be stored is examined.
func TestOnlyTheProbeIsAnsweredWithoutAnExamination(t *testing.T) {
	t.Parallel()
	var refused []string
	h := Handlers(options(nil, nil, nil, &refused))[CompleteBindingPath]
	for _, r := range []admissionv1.AdmissionRequest{
		{Name: probeName, Operation: admissionv1.Create},
		{Name: "other", Operation: admissionv1.Create, DryRun: ptr.To(true)},
	} {
		r.Object.Raw = []byte(`{"spec": {}}`)
		if answer := post(t, h, r); answer.Allowed {
			t.Errorf("%s, dry run %t: admitted", r.Name, ptr.Deref(r.DryRun, false))
		}
	}
}
