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
// read is an error that names its number and, as far as known, its object; fields that do not exist, and versions of our
// kinds that no cluster serves any more, are errors too.
func Decode(manifests []byte, defaultNamespace string) (objects []metav1.Object, skipped []string, err error) {
	reader := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(manifests)))
	end := 0 // of what was read
	for n := 1; ; n++ {
		document, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return objects, skipped, nil
		}
		if err != nil {
			return nil, nil, fmt.Errorf("document %d: %w", n, plain(err))
		}
		text, line := bytes.TrimRight(document, "\n"), 0
		if at := bytes.Index(manifests[end:], text); at >= 0 { // or lines end as on Windows
			line = 1 + bytes.Count(manifests[:end+at], []byte("\n"))
			end += at + len(text)
		}
		found, others, err := decodeDocument(document, defaultNamespace)
		if err != nil {
			return nil, nil, &MalformedError{Document: n, Line: line, Err: err}
		}
		objects, skipped = append(objects, found...), append(skipped, others...)
	}
}

// MalformedError is a document that cannot be read. Line is the one of the manifests that it begins at; 0 = not known.
type MalformedError struct {
	Document, Line int
	Err            error
}

func (e *MalformedError) Error() string { return fmt.Sprintf("document %d: %v", e.Document, e.Err) }

func (e *MalformedError) Unwrap() error { return e.Err }

func decodeDocument(document []byte, defaultNamespace string) (objects []metav1.Object, skipped []string, err error) {
	var content any
	if err := yaml.Unmarshal(document, &content); err != nil {
		return nil, nil, plain(err)
	}
	if content == nil {
		return nil, nil, nil // only comments
	}
	if _, ok := content.(map[string]any); !ok {
		return nil, nil, errors.New("this is not a Kubernetes object: it has neither apiVersion nor kind")
	}
	var head struct {
		metav1.TypeMeta `json:",inline"`
		Metadata        struct{ Namespace, Name string } `json:"metadata"`
		Items           []any                            `json:"items"`
	}
	if err := yaml.Unmarshal(document, &head); err != nil {
		return nil, nil, plain(err)
	}
	if (head.APIVersion == "" || head.Kind == "") && !strings.HasSuffix(head.Kind, "List") {
		return nil, nil, errors.New("this is not a Kubernetes object: it needs apiVersion and kind")
	}
	what := strings.TrimSpace(head.APIVersion + " " + head.Kind + " " + strings.TrimPrefix(head.Metadata.Namespace+"/"+head.Metadata.Name, "/"))
	create, known := kinds[head.APIVersion+" "+head.Kind]
	switch {
	case known:
		o := create()
		if err := yaml.UnmarshalStrict(document, o); err != nil {
			return nil, nil, fmt.Errorf("%s: %w", what, plain(err))
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
	if served := servedVersion(head.APIVersion, head.Kind); served != "" {
		return nil, nil, fmt.Errorf("%s: no cluster serves this version; write apiVersion: %s", what, served)
	}
	return nil, []string{what}, nil
}

// servedVersion is the version of a kind of ours whose apiVersion is another one of the same group; "" for others' kinds.
func servedVersion(apiVersion, kind string) string {
	for k := range kinds {
		served, name, _ := strings.Cut(k, " ")
		if name == kind && (groupOf(served) == groupOf(apiVersion) || name == "Ingress" && groupOf(apiVersion) == "extensions") {
			return served
		}
	}
	return ""
}

func groupOf(apiVersion string) string {
	group, _, ok := strings.Cut(apiVersion, "/")
	if !ok {
		return "" // the core group
	}
	return group
}

// plain takes from an error of the decoders what tells how they are built.
func plain(err error) error {
	text := err.Error()
	for _, prefix := range []string{"error converting YAML to JSON: ", "error unmarshaling JSON: ", "while decoding JSON: ", "json: "} {
		text = strings.TrimPrefix(text, prefix)
	}
	return errors.New(text)
}

func namespaced(k Kind) bool {
	return k != IngressClass && k != IngressClassParams && k != Namespace
}
