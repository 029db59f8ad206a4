package naming

import "maps"

// ObjectLabels are labels that users put on the objects which the controller creates.
type ObjectLabels struct {
	Fixed  map[string]string
	Copied []string // keys of labels that are taken from the object that an object is created for
}

// Of returns the labels of an object that is created for others, of which the first that has a label decides. The
// result may be nil.
func (l ObjectLabels) Of(owners ...map[string]string) map[string]string {
	out := maps.Clone(l.Fixed)
	for _, key := range l.Copied {
		for _, labels := range owners {
			value, ok := labels[key]
			if !ok {
				continue
			}
			if out == nil {
				out = map[string]string{}
			}
			out[key] = value
			break
		}
	}
	return out
}
