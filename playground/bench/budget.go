package bench

import (
	"fmt"
	"os"

	"sigs.k8s.io/yaml"
)

// Budget is what each row may cost at most, by the row's name.
type Budget map[string]Limit

// Limit is the budget of one row; what is nil is not limited.
type Limit struct {
	Reads *int `json:"reads,omitempty"`
	// ReadsASecond are reads that are allowed beside Reads for each second until the controller rested: looks for drift go
	// on during long rows.
	ReadsASecond float64  `json:"readsASecond,omitempty"`
	Writes       *int     `json:"writes,omitempty"`
	Seconds      *float64 `json:"seconds,omitempty"`
	MiB          *float64 `json:"mib,omitempty"`
	// Peak is the most memory that there may be at any time, as a multiple of what is resident at rest.
	Peak *float64 `json:"peak,omitempty"`
	// Slopes are the exponents of the growth of an object's cost with their number, by act and cost.
	Slopes map[string]float64 `json:"slopes,omitempty"`
	// Kubernetes limits writes to the API server by resource; the one called all is all of them.
	Kubernetes map[string]int `json:"kubernetes,omitempty"`
	// KubernetesReads limits reads from the API server in the same way, watches apart.
	KubernetesReads map[string]int `json:"kubernetesReads,omitempty"`
	// Until is a higher bound than the budget that a test holds for now, and Why says until when.
	Until *Limit `json:"until,omitempty"`
	Why   string `json:"why,omitempty"`
}

// LoadBudget reads a budget file. A name that is no row is an error: it would limit nothing.
func LoadBudget(path string) (Budget, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the budget: %w", err)
	}
	var b Budget
	if err := yaml.UnmarshalStrict(content, &b); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	for name := range b {
		if _, err := choose([]string{name}); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	return b, nil
}

// current is the limit that applies today.
func (l Limit) current() Limit {
	if l.Until != nil {
		return *l.Until
	}
	return l
}
