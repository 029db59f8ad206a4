package controller

import (
	"context"
	"errors"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/api/v1beta1"
)

// configReader answers about the configuration of each namespace: with an image, or with an error.
type configReader struct {
	client.Reader
	images map[string]string
	errs   map[string]error
}

func (r configReader) Get(_ context.Context, key client.ObjectKey, o client.Object, _ ...client.GetOption) error {
	config, ok := o.(*v1beta1.ALBTargetControlConfig)
	if !ok || key.Name != "aws-load-balancer-controller-alb-target-control-agent-config" {
		return errors.New("nobody needs " + key.String())
	}
	if err := r.errs[key.Namespace]; err != nil {
		return err
	}
	image, ok := r.images[key.Namespace]
	if !ok {
		return apierrors.NewNotFound(schema.GroupResource{Resource: "albtargetcontrolconfigs"}, key.Name)
	}
	config.Spec.Image = image
	return nil
}

func TestAgentConfigurationOfNamespacePrecedesClusters(t *testing.T) {
	t.Parallel()
	down := errors.New("timeout")
	undefined := &meta.NoKindMatchError{GroupKind: schema.GroupKind{Group: "elbv2.k8s.aws",
		Kind: "ALBTargetControlConfig"}}
	for name, tc := range map[string]struct {
		images map[string]string
		errs   map[string]error
		want   string
		err    error
	}{
		"both":                     {map[string]string{"shop": "own", "kube-system": "all"}, nil, "own", nil},
		"the cluster's":            {map[string]string{"kube-system": "all"}, nil, "all", nil},
		"none":                     {nil, nil, "", nil},
		"no definition":            {nil, map[string]error{"shop": undefined, "kube-system": undefined}, "", nil},
		"an API server in trouble": {map[string]string{"kube-system": "all"}, map[string]error{"shop": down}, "", down},
	} {
		r := configReader{images: tc.images, errs: tc.errs}
		read := agentConfig(r)
		for range 2 { // nothing is remembered
			got, err := read(t.Context(), "shop")
			if !errors.Is(err, tc.err) || (got == nil) != (tc.want == "") || got != nil && got.Spec.Image != tc.want {
				t.Errorf("%s: %+v %v", name, got, err)
			}
		}
		if tc.images["shop"] != "" {
			tc.images["shop"] = "edited"
			if got, err := read(t.Context(), "shop"); err != nil || got.Spec.Image != "edited" {
				t.Errorf("%s: an edit is not seen: %+v %v", name, got, err)
			}
		}
	}
}
