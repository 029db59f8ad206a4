package annotation

import (
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/k8s-lbc/lbc/internal/intent"
)

// Labels reads a map of labels that objects must carry. What no object can carry would select none.
func (r Reader) Labels(k Key) intent.Field[map[string]string] { return read(r, k, decodeLabels) }

func decodeLabels(e Entry, k Key, raw string) (map[string]string, error) {
	m, err := decodeMap(e, k, raw)
	if err != nil {
		return nil, err
	}
	var wrong []string
	for name, value := range m {
		for _, problem := range slices.Concat(validation.IsQualifiedName(name), validation.IsValidLabelValue(value)) {
			wrong = append(wrong, fmt.Sprintf("%s=%s cannot be a label: %s", name, value, problem))
		}
	}
	if len(wrong) > 0 {
		return nil, fmt.Errorf("annotation %s: %s", k, slices.Min(wrong))
	}
	return m, nil
}
