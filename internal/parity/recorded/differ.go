package recorded

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Difference is what two trees have at one path.
type Difference struct {
	Today, Ours any
}

func (d Difference) String() string {
	return fmt.Sprintf("\n\ttoday %s\n\tours  %s", Text(d.Today), Text(d.Ours))
}

// Differ are the paths at which plain JSON differs from what was recorded, such as loadBalancers/web/scheme. A slash
// within a key is written as ~. Lists of unequal length differ as a whole.
func Differ(today, ours any) map[string]Difference {
	found := map[string]Difference{}
	differ("", today, ours, found)
	return found
}

func differ(path string, today, ours any, found map[string]Difference) {
	a, aTree := today.(Tree)
	b, bTree := ours.(Tree)
	if aTree && bTree {
		keys := maps.Clone(a)
		maps.Copy(keys, b)
		for k := range keys {
			differ(strings.TrimPrefix(path+"/"+strings.ReplaceAll(k, "/", "~"), "/"), a[k], b[k], found)
		}
		return
	}
	x, xList := today.([]any)
	y, yList := ours.([]any)
	if xList && yList && len(x) == len(y) {
		for i := range x {
			differ(fmt.Sprintf("%s/%d", path, i), x[i], y[i], found)
		}
		return
	}
	if Text(today) != Text(ours) {
		found[path] = Difference{today, ours}
	}
}

// Sorted sorts, in place, the lists whose order has no meaning: all but those of rules.
func Sorted(v any) any { return sorted(v, "") }

func sorted(v any, key string) any {
	switch v := v.(type) {
	case Tree:
		for k, e := range v {
			v[k] = sorted(e, k)
		}
	case []any:
		for i := range v {
			v[i] = sorted(v[i], "")
		}
		if key != "rules" {
			slices.SortStableFunc(v, func(a, b any) int { return strings.Compare(Text(a), Text(b)) })
		}
	}
	return v
}

// Text is a value as JSON, to compare and to show.
func Text(v any) string {
	raw, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(raw)
}
