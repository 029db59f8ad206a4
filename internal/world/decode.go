package world

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"

	"github.com/k8s-lbc/lbc/api/v1beta1"
)

// kinds makes empty objects of the kinds that a View can show, by "apiVersion kind".
var kinds = map[string]func() metav1.Object{
	"networking.k8s.io/v1 Ingress":             func() metav1.Object { return new(networkingv1.Ingress) },
	"networking.k8s.io/v1 IngressClass":        func() metav1.Object { return new(networkingv1.IngressClass) },
	"elbv2.k8s.aws/v1beta1 IngressClassParams": func() metav1.Object { return new(v1beta1.IngressClassParams) },
	"elbv2.k8s.aws/v1beta1 TargetGroupBinding": func() metav1.Object { return new(v1beta1.TargetGroupBinding) },
	"v1 Service":   func() metav1.Object { return new(corev1.Service) },
	"v1 Namespace": func() metav1.Object { return new(corev1.Namespace) },
	"v1 Secret":    func() metav1.Object { return new(corev1.Secret) },
}

// Decode reads manifests: YAML or JSON documents, lists included. Objects of other kinds are skipped and named, as
// "apiVersion kind namespace/name". Namespaced objects without a namespace go to defaultNamespace. A document that cannot be
// read is an error that names its number and, as far as known, its object; fields that do not exist are errors too.
func Decode(manifests []byte, defaultNamespace string) (objects []metav1.Object, skipped []string, err error) {
	reader := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(manifests)))
	for n := 1; ; n++ {
		document, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return objects, skipped, nil
		}
		if err != nil {
			return nil, nil, fmt.Errorf("document %d: %w", n, err)
		}
		found, others, err := decodeDocument(document, defaultNamespace)
		if err != nil {
			return nil, nil, fmt.Errorf("document %d: %w", n, err)
		}
		objects, skipped = append(objects, found...), append(skipped, others...)
	}
}

func decodeDocument(document []byte, defaultNamespace string) (objects []metav1.Object, skipped []string, err error) {
	var head struct {
		metav1.TypeMeta `json:",inline"`
		Metadata        struct{ Namespace, Name string } `json:"metadata"`
		Items           []any                            `json:"items"`
	}
	if err := yaml.Unmarshal(document, &head); err != nil {
		return nil, nil, err
	}
	what := strings.TrimSpace(head.APIVersion + " " + head.Kind + " " + head.Metadata.Namespace + "/" + head.Metadata.Name)
	create, known := kinds[head.APIVersion+" "+head.Kind]
	switch {
	case known:
		o := create()
		if err := yaml.UnmarshalStrict(document, o); err != nil {
			return nil, nil, fmt.Errorf("%s: %w", what, err)
		}
		if kind, _ := KindOf(o); namespaced(kind) && o.GetNamespace() == "" {
			o.SetNamespace(defaultNamespace)
		}
		return []metav1.Object{o}, nil, nil
	case strings.HasSuffix(head.Kind, "List"):
		for i, item := range head.Items {
			raw, err := yaml.Marshal(item)
			if err != nil {
				return nil, nil, fmt.Errorf("%s: item %d: %w", what, i, err)
			}
			found, others, err := decodeDocument(raw, defaultNamespace)
			if err != nil {
				return nil, nil, fmt.Errorf("%s: item %d: %w", what, i, err)
			}
			objects, skipped = append(objects, found...), append(skipped, others...)
		}
		return objects, skipped, nil
	}
	var content any
	if err := yaml.Unmarshal(document, &content); err == nil && content == nil {
		return nil, nil, nil // only comments
	}
	return nil, []string{what}, nil
}

func namespaced(k Kind) bool {
	return k != IngressClass && k != IngressClassParams && k != Namespace
}
