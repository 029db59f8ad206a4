package facts

import (
	"fmt"
	"strings"

	"github.com/k8s-lbc/lbc/internal/model/diag"
)

// unresolved collects what users name and facts do not resolve, of one kind of resources.
type unresolved struct {
	prefix      string // of ids
	one, all    string // how messages name the kind
	badID, noID string // AWS's error codes
	need        NeedKind
	absent      Problem // if something does not exist; without its text

	missing, malformed []string
	needs              []Need
	failed             *Problem // the first look-up that failed
}

// resolveUnlisted is what AWS answered to an id that no listing of the VPC shows; nil = it is not resolved.
func resolveUnlisted[T any](f Facts, u *unresolved, id string, answers map[string]*T) *T {
	if !hexadecimal(strings.TrimPrefix(id, u.prefix)) {
		u.malformed = append(u.malformed, fmt.Sprintf("%s is not %s id (%s)", id, u.one, u.badID))
		return nil
	}
	found, asked := answers[id]
	need := Need{Kind: u.need, Key: id}
	switch p := f.Failed(need); {
	case asked && found == nil:
		u.missing = append(u.missing, fmt.Sprintf("%s does not exist (%s)", id, u.noID))
	case asked:
		return found
	case p == nil:
		u.needs = append(u.needs, need)
	case u.failed == nil:
		u.failed = p
	}
	return nil
}

// outcome is what AWS must be asked for, or why something is not resolved. Both are empty if all is.
func (u *unresolved) outcome() ([]Need, *Problem) {
	problem := u.absent
	problem.Text = "these " + u.all + " do not exist or cannot be used: "
	switch {
	case u.failed != nil:
		return nil, u.failed
	case len(u.malformed) > 0: // whatever AWS holds
		problem.Code, problem.Class = diag.InvalidAnnotation, ""
		problem.Text += strings.Join(u.malformed, ", ")
	case len(u.needs) > 0:
		return u.needs, nil
	case len(u.missing) > 0:
		problem.Text += strings.Join(u.missing, ", ")
	default:
		return nil, nil
	}
	return nil, &problem
}
