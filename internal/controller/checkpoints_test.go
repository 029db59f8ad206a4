package controller

import (
	"reflect"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/k8s-lbc/lbc/internal/controller/accelerator"
	"github.com/k8s-lbc/lbc/internal/controller/checkpoint"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/accelerator/declare"
)

func TestWhatIsKnownOfAcceleratorsOutlivesTheProcess(t *testing.T) {
	t.Parallel()
	c := fake.NewClientBuilder().Build()
	begin := func() (w *checkpoint.Writer, restored map[stack.Key]accelerator.Kept) {
		restored = map[stack.Key]accelerator.Kept{}
		store := checkpoint.New(c, checkpoint.Config{Namespace: "kube-system", Name: "lbc-checkpoint", Scope: "demo",
			Now: time.Now, Log: logr.Discard()})
		w = checkpoint.NewWriter(store, func(r checkpoint.Restored) {
			RestoreAccelerators(r, func(of stack.Key, k accelerator.Kept) { restored[of] = k })
		}, logr.Discard())
		if !w.Restore(t.Context()) {
			t.Fatal("the checkpoints cannot be read")
		}
		return w, restored
	}
	web, old, gone := declare.KeyOf("default", "web"), declare.KeyOf("default", "old"), declare.KeyOf("default", "gone")
	arns := []string{"arn:1", "arn:2"}
	known := accelerator.Kept{Listeners: arns, Granted: map[string]declare.Consent{"EndpointID/arn:3": {ARN: "arn:3",
		Named: "arn:3", Owner: stack.Key{Owner: stack.Service, ID: stack.ID{Namespace: "shop", Name: "web"}}}}}
	w, _ := begin()
	keep := KeepAccelerators(w)
	keep(web, known)
	keep(gone, known)
	keep(gone, accelerator.Kept{})
	w.Put(checkpoint.Memory, checkpoint.AcceleratorName(old.String()), arns) // as earlier releases
	w.End(t.Context())
	_, restored := begin()
	want := map[stack.Key]accelerator.Kept{web: known, old: {Listeners: arns}}
	if !reflect.DeepEqual(restored, want) {
		t.Errorf("restored: %v", restored)
	}
	KeepAccelerators(nil)(web, known) // without checkpoints nothing is kept
}
