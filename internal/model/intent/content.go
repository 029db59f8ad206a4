package intent

import "encoding/json"

// Content is the JSON of what an object declares, without the places where it does, the ids of objects, and secrets.
// Equal declarations have the same Content, also those of manifests. Empty = there is no JSON of it, which all parts of
// members have: checkpoints rest on that.
func Content(declared any) string {
	text, err := json.Marshal(declared)
	if err != nil {
		return ""
	}
	var value any
	if err := json.Unmarshal(text, &value); err != nil {
		return ""
	}
	if text, err = json.Marshal(withoutPlaces(value)); err != nil {
		return ""
	}
	return string(text)
}

func withoutPlaces(v any) any {
	switch v := v.(type) {
	case map[string]any:
		delete(v, "UID")
		delete(v, "Source")
		for k := range v {
			v[k] = withoutPlaces(v[k])
		}
	case []any:
		for i := range v {
			v[i] = withoutPlaces(v[i])
		}
	}
	return v
}
