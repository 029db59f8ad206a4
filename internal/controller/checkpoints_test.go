package controller

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/k8s-lbc/lbc/internal/controller/checkpoint"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/accelerator/declare"
)

func TestListenersOfAcceleratorsOutliveTheProcess(t *testing.T) {
	t.Parallel()
	c := fake.NewClientBuilder().Build()
	begin := func() (w *checkpoint.Writer, restored map[stack.Key][]string) {
		restored = map[stack.Key][]string{}
		store := checkpoint.New(c, checkpoint.Config{Namespace: "kube-system", Name: "lbc-checkpoint", Scope: "demo",
			Now: time.Now, Log: logr.Discard()})
		w = checkpoint.NewWriter(store, func(r checkpoint.Restored) {
			RestoreListeners(r, func(of stack.Key, listeners []string) { restored[of] = listeners })
		}, logr.Discard())
		if !w.Restore(t.Context()) {
			t.Fatal("the checkpoints cannot be read")
		}
		return w, restored
	}
	web, gone := declare.KeyOf("default", "web"), declare.KeyOf("default", "gone")
	arns := []string{"arn:1", "arn:2"}
	w, _ := begin()
	keep := KeepListeners(w)
	keep(web, arns)
	keep(gone, arns)
	keep(gone, nil)
	w.End(t.Context())
	_, restored := begin()
	if !maps.EqualFunc(restored, map[stack.Key][]string{web: arns}, slices.Equal) {
		t.Errorf("restored: %v", restored)
	}
	KeepListeners(nil)(web, arns) // without checkpoints nothing is kept
}
