package accelerator

import (
	"testing"
	"time"

	"github.com/aws/smithy-go"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	agav1beta1 "github.com/k8s-lbc/lbc/api/aga/v1beta1"
	"github.com/k8s-lbc/lbc/internal/lib/sample"
)

// TestEachRefusedWriteKeepsItsBudget has AWS refuse what each write of an accelerator's life says, for three hours. The
// write is sent after 2, 8 and 30 minutes, then once an hour.
func TestEachRefusedWriteKeepsItsBudget(t *testing.T) {
	t.Parallel()
	chosen := sample.OneOf(3)
	stages := []struct {
		name    string
		does    func(*world)
		refused []string
	}{
		{"created", func(*world) {}, []string{"CreateAccelerator", "CreateListener", "CreateEndpointGroup", "AddEndpoints"}},
		{"edited", func(w *world) {
			w.edit(func(ga *agav1beta1.GlobalAccelerator) {
				ga.Spec.Tags = map[string]string{"team": "red"}
				ga.Spec.Listeners[0].ClientAffinity = agav1beta1.SourceIP
				ga.Spec.Listeners[0].EndpointGroups[0].TrafficDialPercentage = to(int32(50))
				ga.Spec.IPAddressType = agav1beta1.DualStack
			})
		}, []string{"TagResource", "UpdateListener", "UpdateEndpointGroup", "UpdateAccelerator"}},
		{"deleted", func(w *world) { w.must(w.client.Delete(t.Context(), w.get())) }, []string{"DeleteListener",
			"DeleteEndpointGroup", "DeleteAccelerator"}},
	}
	for n, stage := range stages {
		for _, action := range stage.refused {
			if !chosen.Next() {
				continue
			}
			w, refused := example(t), 0
			run := func(span time.Duration) {
				for end := w.clock.Now().Add(span); w.clock.Now().Before(end); {
					r, err := w.pass()
					pause := r.RequeueAfter
					if err != nil || pause == 0 {
						pause = 15 * time.Second
					}
					w.clock.Advance(min(pause, time.Minute))
				}
			}
			for _, before := range stages[:n] {
				before.does(w)
				run(30 * time.Minute)
			}
			w.refuse = func(a string) error {
				if a != action {
					return nil
				}
				refused++
				return &smithy.GenericAPIError{Code: "InvalidArgumentException", Message: "not like this"}
			}
			stage.does(w)
			for hour, most := range []int{4, 1, 1} {
				refused = 0
				if run(time.Hour); refused > most || hour == 0 && refused == 0 {
					t.Errorf("%s, hour %d: %d calls, want %d at most", action, hour+1, refused, most)
				}
			}
			w.refuse = nil
			run(2 * time.Hour)
			if gone := apierrors.IsNotFound(w.client.Get(t.Context(), name, &agav1beta1.GlobalAccelerator{})); gone !=
				(stage.name == "deleted") {
				t.Errorf("%s: afterwards, gone: %v\n%s", action, gone, w.accelerators())
			}
		}
	}
}
