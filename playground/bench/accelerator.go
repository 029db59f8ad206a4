package bench

import (
	"context"
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/dynamic"

	agav1beta1 "github.com/k8s-lbc/lbc/api/aga/v1beta1"
)

// acceleratorGate has the controller serve GlobalAccelerators.
const acceleratorGate = "--feature-gates=GlobalAcceleratorController=true"

// acceleratorName is the GlobalAccelerator of the rows. It has one endpoint, the first of the Services, whose port is
// the listener's.
const acceleratorName = "accelerator"

func (w *workload) accelerators() dynamic.ResourceInterface {
	return w.dynamic.Resource(agav1beta1.GroupVersion.WithResource("globalaccelerators")).Namespace(namespace)
}

// accelerated prepares a controller that serves GlobalAccelerators, one Service with an NLB and, if exists, an
// accelerator in front of it.
func accelerated(exists bool) func(context.Context, *session) error {
	return func(ctx context.Context, s *session) error {
		if !slices.Contains(s.control.args, acceleratorGate) {
			s.control.args = append(slices.Clone(s.control.args), acceleratorGate)
			s.control.stop()
			s.running = false
		}
		if err := s.bring(ctx, services, 1); err != nil {
			return err
		}
		there, err := s.work.accelerated(ctx)
		switch {
		case err != nil || there == exists:
			return err
		case exists:
			return createAccelerator(ctx, s)
		}
		return deleteAccelerator(ctx, s)
	}
}

// withoutAccelerators has a controller that was started for them start without.
func (s *session) withoutAccelerators(ctx context.Context) error {
	if !slices.Contains(s.control.args, acceleratorGate) {
		return nil
	}
	if there, err := s.work.accelerated(ctx); err != nil {
		return err
	} else if there {
		if err := deleteAccelerator(ctx, s); err != nil {
			return err
		}
	}
	s.control.args = slices.DeleteFunc(slices.Clone(s.control.args), func(arg string) bool {
		return arg == acceleratorGate
	})
	s.control.stop()
	s.running = false
	return nil
}

// accelerated reports whether the GlobalAccelerator exists.
func (w *workload) accelerated(ctx context.Context) (bool, error) {
	_, err := w.accelerators().Get(ctx, acceleratorName, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return false, nil
	}
	return err == nil, err
}

// createAccelerator creates the accelerator and waits until the status says that AWS has deployed it, and the
// controller rests.
func createAccelerator(ctx context.Context, s *session) error {
	object := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": agav1beta1.GroupVersion.String(), "kind": "GlobalAccelerator", "metadata": map[string]any{
			"name": acceleratorName},
		"spec": map[string]any{"listeners": []any{map[string]any{"endpointGroups": []any{map[string]any{
			"endpoints": []any{map[string]any{"type": "Service", "name": services.name(0)}},
		}}}}},
	}}
	if _, err := s.work.accelerators().Create(ctx, object, metav1.CreateOptions{}); err != nil {
		return fmt.Errorf("create GlobalAccelerator %s: %w", acceleratorName, err)
	}
	return s.deployed(ctx)
}

// deployed waits until the status says that AWS has deployed the accelerator as it is declared, and the controller
// rests.
func (s *session) deployed(ctx context.Context) error {
	err := s.until(ctx, "the accelerator to be deployed", func(ctx context.Context) (bool, error) {
		o, err := s.work.accelerators().Get(ctx, acceleratorName, metav1.GetOptions{})
		if err != nil {
			return false, err
		}
		state, _, _ := unstructured.NestedString(o.Object, "status", "status")
		generation, _, _ := unstructured.NestedInt64(o.Object, "status", "observedGeneration")
		return state == "DEPLOYED" && generation == o.GetGeneration(), s.control.process.Err()
	})
	if err != nil {
		return err
	}
	return s.idle(ctx, settled)
}

// touchAccelerator changes an annotation without a reader.
func touchAccelerator(ctx context.Context, s *session) error {
	s.edits++
	if err := patch(ctx, s.work.accelerators(), annotation(agav1beta1.GroupVersion.WithResource("globalaccelerators"),
		acceleratorName, touchKey, fmt.Sprint(s.edits))); err != nil {
		return err
	}
	return s.idle(ctx, settled)
}

// deleteAccelerator deletes the accelerator and waits until its object is gone.
func deleteAccelerator(ctx context.Context, s *session) error {
	if err := s.work.accelerators().Delete(ctx, acceleratorName, metav1.DeleteOptions{}); err != nil {
		return fmt.Errorf("delete GlobalAccelerator %s: %w", acceleratorName, err)
	}
	err := s.until(ctx, "the accelerator to go", func(ctx context.Context) (bool, error) {
		there, err := s.work.accelerated(ctx)
		return err == nil && !there, err
	})
	if err != nil {
		return err
	}
	return s.idle(ctx, settled)
}

// acting measures an act that waits for its end.
func acting(act func(ctx context.Context, s *session) error) measure {
	return func(ctx context.Context, s *session, _ *Result) error { return act(ctx, s) }
}
