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
// objects of a kind. The authors of objects may write such annotations, too: of a namespace only as many are unpacked as
// there is room for.
func Planned(list func(kind objects.Kind) []metav1.Object) (out []console.Planned) {
	used := map[string]int{}
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
				text, err := unpack(packed, roomForPlans-used[p.Namespace])
				used[p.Namespace] += len(text)
				if p.Plan = text; err != nil {
					p.Plan = nil
					p.Problem = fmt.Sprintf("annotation %s: %v", k.DryRun.Packed, err)
				}
			}
			out = append(out, p)
		}
	}
	return out
}

// roomForPlans is the size of the unpacked plans of a namespace.
const roomForPlans = 32 << 20

// unpack returns a plan. With an error, it is incomplete.
func unpack(packed string, room int) ([]byte, error) {
	text, err := base64.StdEncoding.DecodeString(packed)
	if err != nil {
		return nil, err
	}
	z, err := gzip.NewReader(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	out, err := io.ReadAll(io.LimitReader(z, int64(room)+1))
	if len(out) > room {
		return out[:room], fmt.Errorf("with it, the plans of the namespace would be larger than %d MiB", roomForPlans>>20)
	}
	return out, err
}
