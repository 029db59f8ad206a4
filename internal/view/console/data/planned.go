package data

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"fmt"
	"io"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/kube/owner"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/view/console"
)

// Planned returns the plans that objects have in annotations, of all kinds whose plans are annotated. list returns the
// objects of a kind.
func Planned(list func(kind objects.Kind) []metav1.Object) (out []console.Planned) {
	for _, k := range owner.Kinds {
		if k.DryRun.Plan == "" || k.Owner == stack.GatewayNLB { // both kinds of Gateways are one kind of objects
			continue
		}
		for _, o := range list(objects.Kind(k.Kind)) {
			a := o.GetAnnotations()
			plain, packed := a[string(k.DryRun.Plan)], a[string(k.DryRun.Packed)]
			if plain == "" && packed == "" {
				continue
			}
			p := console.Planned{Gateway: k.Kind == string(objects.Gateway), Namespace: o.GetNamespace(), Name: o.GetName(),
				Group: a[string(annotation.GroupName)], Annotations: a, Plan: []byte(plain)}
			if plain == "" {
				text, err := unpack(packed)
				if p.Plan = text; err != nil {
					p.Problem = fmt.Sprintf("annotation %s: %v", k.DryRun.Packed, err)
				}
			}
			out = append(out, p)
		}
	}
	return out
}

// largestPlan is the size of a plan beyond which an annotation is not unpacked.
const largestPlan = 64 << 20

func unpack(packed string) ([]byte, error) {
	text, err := base64.StdEncoding.DecodeString(packed)
	if err != nil {
		return nil, err
	}
	z, err := gzip.NewReader(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(io.LimitReader(z, largestPlan))
}
