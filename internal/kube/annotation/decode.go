package annotation

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/planjson"
)

// The decoders return the first error of a value.

func decodeString(e *Entry, k Key, raw string) (string, error) {
	if e.Values != nil && !slices.Contains(e.Values, raw) {
		return "", fmt.Errorf("%s: %q is not a valid value", k, raw)
	}
	return raw, nil
}

func decodeBool(_ *Entry, k Key, raw string) (bool, error) {
	b, err := strconv.ParseBool(raw)
	if err != nil {
		return false, fmt.Errorf("%s: %q is neither true nor false", k, raw)
	}
	return b, nil
}

func decodeInt32(e *Entry, k Key, raw string) (int32, error) {
	n, err := decodeInt(e, k, raw, 32)
	return int32(n), err
}

func decodeInt64(e *Entry, k Key, raw string) (int64, error) { return decodeInt(e, k, raw, 64) }

func decodeInt(e *Entry, k Key, raw string, bits int) (int64, error) {
	n, err := strconv.ParseInt(raw, 10, bits)
	switch bounded := e.Min != e.Max; {
	case bounded && (err != nil || n < e.Min || n > e.Max):
		return 0, fmt.Errorf("%s: %q is not a whole number from %d to %d", k, raw, e.Min, e.Max)
	case errors.Is(err, strconv.ErrRange):
		return 0, fmt.Errorf("%s: %q does not fit into %d bits", k, raw, bits)
	case err != nil:
		return 0, fmt.Errorf("%s: %q is not a whole number", k, raw)
	}
	return n, nil
}

// decodeList splits at commas, trims items and drops empty ones. Order and duplicates are kept; there is no escaping.
func decodeList(_ *Entry, _ Key, raw string) ([]string, error) {
	out := []string{}
	for item := range strings.SplitSeq(raw, ",") {
		if item = strings.TrimSpace(item); item != "" {
			out = append(out, item)
		}
	}
	return out, nil
}

// decodeMap reads key=value items; see items. Keys and values are trimmed, values may be empty and may contain "=", the
// last of several equal keys counts.
func decodeMap(_ *Entry, k Key, raw string) (map[string]string, error) {
	const most = 1_000 // AWS allows 50 tags, and has fewer attributes; each target group would have a copy
	if n := strings.Count(raw, ","); n > most {
		return nil, fmt.Errorf("%s: %d commas separate key=value pairs, and at most %d may", k, n, most)
	}
	out := map[string]string{}
	for _, item := range items(raw) {
		key, value, ok := strings.Cut(item, "=")
		key, value = strings.TrimSpace(key), strings.TrimSpace(value)
		if !ok || key == "" {
			return nil, fmt.Errorf("%s: %q is not a list of key=value pairs", k, raw)
		}
		if first, rest, lines := strings.Cut(value, "\n"); lines && strings.Contains(rest, "=") {
			return nil, fmt.Errorf("%s: a line break does not end the pair %q: a comma does", k, key+"="+first)
		}
		out[key] = value
	}
	return out, nil
}

// items splits the value of a map at commas. A backslash takes the byte after it literally, so \, is a comma in a
// value. If no "=" follows a comma, all that follows it is one item. A comma at the very end is ignored, while the
// existing controller makes it part of the last value.
func items(raw string) []string {
	var out []string
	var item []byte
	last := strings.LastIndexByte(raw, '=')
	for i := 0; i < len(raw); i++ {
		switch c := raw[i]; {
		case c == '\\' && i+1 < len(raw):
			i++
			item = append(item, raw[i])
		case c == ',' && i < last:
			out, item = append(out, strings.TrimSpace(string(item))), nil
		case c == ',':
			current, rest := strings.TrimSpace(string(item)), strings.TrimSpace(raw[i+1:])
			switch {
			case rest != "":
				return append(out, current, rest)
			case current == "":
				item = append(item, c)
			default:
				return append(out, current)
			}
		default:
			item = append(item, c)
		}
	}
	if len(item) > 0 {
		out = append(out, strings.TrimSpace(string(item)))
	}
	return out
}

// escaped is the remedy for a map whose values have commas without a backslash; empty if the fault is another one.
func escaped(e *Entry, raw string) string {
	if e.Syntax != Map || !strings.Contains(raw, ",") || len(raw) > 1024 {
		return ""
	}
	var pairs []string
	joined := strings.Contains(raw, `"`)
	for part := range strings.SplitSeq(strings.ReplaceAll(raw, `"`, ""), ",") {
		switch part = strings.TrimSpace(part); {
		case strings.Contains(part, "="):
			pairs = append(pairs, part)
		case len(pairs) == 0:
			return ""
		case part != "":
			joined = true
			pairs[len(pairs)-1] = strings.TrimSuffix(pairs[len(pairs)-1], `\`) + `\,` + part
		}
	}
	if !joined {
		return ""
	}
	return `write key=value pairs with a backslash before each comma within a value, and no quotation marks: ` +
		strings.Join(pairs, ",")
}

func decodeJSON[T any](_ *Entry, k Key, raw string) (T, error) {
	var v T
	if strings.TrimSpace(raw) == "" {
		return v, fmt.Errorf("%s: the value is empty", k)
	}
	if err := json.Unmarshal([]byte(raw), &v); err != nil {
		return v, fmt.Errorf("%s: %w", k, JSONError(err))
	}
	return v, nil
}

// JSONError describes an error of encoding/json in the terms of JSON instead of Go types.
func JSONError(err error) error {
	var wrong *json.UnmarshalTypeError
	if broken := (*json.SyntaxError)(nil); errors.As(err, &broken) {
		return fmt.Errorf("the value is not valid JSON (at byte %d)", broken.Offset)
	}
	if !errors.As(err, &wrong) {
		return err
	}
	return fmt.Errorf("%s must not be a JSON %s (at byte %d)", cmp.Or(wrong.Field, "the value"), wrong.Value, wrong.Offset)
}

const forwardExample = `{"type":"forward","forwardConfig":{"targetGroups":[{"serviceName":"web","servicePort":"80"}]}}`

// kinds are examples of JSON values by a word that values of their kind have, as unquoted writes it.
var kinds = map[Key][][2]string{
	Actions: {
		{"type:forward", forwardExample},
		{"forwardconfig", forwardExample},
		{"fixedresponse", `{"type":"fixed-response","fixedResponseConfig":{"contentType":"text/plain","statusCode":"503",` +
			`"messageBody":"closed"}}`},
	},
	Conditions: {
		{"sourceip", `[{"field":"source-ip","sourceIPConfig":{"values":["192.0.2.0/24"]}}]`},
		{"querystring", `[{"field":"query-string","queryStringConfig":{"values":[{"key":"env","value":"dev"}]}}]`},
		{"httprequestmethod", `[{"field":"http-request-method","httpRequestMethodConfig":{"values":["GET"]}}]`},
		{"hostheader", `[{"field":"host-header","hostHeaderConfig":{"values":["*.example.com"]}}]`},
		{"pathpattern", `[{"field":"path-pattern","pathPatternConfig":{"values":["/api/*"]}}]`},
	},
	Transforms: {
		{"hostheader", `[{"type":"host-header-rewrite","hostHeaderRewriteConfig":{"rewrites":[{"regex":"^a\\.(.*)$",` +
			`"replace":"$1"}]}}]`},
	},
}

// unquoted removes what mistakes in JSON are most often about.
var unquoted = strings.NewReplacer(`"`, "", "'", "", " ", "", "-", "")

// remedyFor describes a valid value of the kind of an invalid one.
func (e *Entry) remedyFor(raw string) string {
	if of := kinds[e.Key]; of != nil {
		raw = strings.ToLower(unquoted.Replace(raw))
		if at := slices.IndexFunc(of, func(kind [2]string) bool { return strings.Contains(raw, kind[0]) }); at >= 0 {
			e.Example = of[at][1]
		}
	}
	for _, version := range []string{"GRPC", "HTTP2"} {
		if e.Key == BackendProtocol && strings.EqualFold(raw, version) {
			return fmt.Sprintf("%s here, and add annotation %s: %s", e.remedy(), BackendProtocolVersion, version)
		}
	}
	return e.remedy()
}

// remedy describes a valid value.
func (e *Entry) remedy() string {
	if e.Values != nil {
		return "write " + join(e.Values)
	}
	switch e.Syntax {
	case Bool:
		return "write true or false"
	case Int32, Int64:
		if e.Min != e.Max {
			return fmt.Sprintf("write a whole number from %d to %d", e.Min, e.Max)
		}
		return "write a whole number"
	case Map:
		return "write key=value pairs separated by commas, such as " + e.Example
	case JSON:
		return "correct the value; an example is " + e.Example
	default:
		return "write a value such as " + e.Example
	}
}

// join is "a, b or c".
func join(values []string) string {
	if len(values) == 1 {
		return values[0]
	}
	return strings.Join(values[:len(values)-1], ", ") + " or " + values[len(values)-1]
}

// ValidHealthCheckPath reports whether AWS allows a health check path: 1 to 1024 characters, starting with a slash.
func ValidHealthCheckPath(path string) bool {
	return strings.HasPrefix(path, "/") && len(path) <= 1024
}

// ValidCodes reports whether a matcher is a list of codes and ranges of codes, such as 200,301-302, all within low and
// high.
func ValidCodes(matcher string, low, high int) bool {
	for item := range strings.SplitSeq(matcher, ",") {
		from, to, isRange := strings.Cut(strings.TrimSpace(item), "-")
		if !isRange {
			to = from
		}
		a, errA := strconv.Atoi(from)
		b, errB := strconv.Atoi(to)
		if errA != nil || errB != nil || a > b || a < low || b > high {
			return false
		}
	}
	return true
}

// Action is the value of annotations Actions and ServiceActions. Services have forwards only.
type Action struct {
	Type            string                  `json:"type"`
	TargetGroupARN  *string                 `json:"targetGroupARN"`
	TargetGroupName *string                 `json:"targetGroupName"`
	FixedResponse   *planjson.FixedResponse `json:"fixedResponseConfig"`
	Redirect        *planjson.Redirect      `json:"redirectConfig"`
	Forward         *Forward                `json:"forwardConfig"`
}

// Forward is a forward to several target groups.
type Forward struct {
	BaseWeight   *int32        `json:"baseServiceWeight"` // of the annotated Service's own target group
	TargetGroups []TargetGroup `json:"targetGroups"`
	Stickiness   *struct {
		Enabled         *bool  `json:"enabled"`
		DurationSeconds *int32 `json:"durationSeconds"` // of Ingresses
	} `json:"targetGroupStickinessConfig"`
}

// TargetGroup is one target of a forward: a target group of the user, by ARN or name, or that of a Service's port.
type TargetGroup struct {
	ARN         *string             `json:"targetGroupARN"`
	Name        *string             `json:"targetGroupName"` // of Ingresses
	ServiceName *string             `json:"serviceName"`
	ServicePort *intstr.IntOrString `json:"servicePort"`
	Decrypt     *bool               `json:"decrypt"` // of Services: targets of a TLS listener are reached by TCP
	Weight      *int32              `json:"weight"`
}

// CapacityUnits is the one key of Capacity and ServiceCapacity.
const CapacityUnits = "CapacityUnits"

// Capacity reads a reservation of capacity, a map with one key: how many units; 0 = none. It is not set if the map
// is empty. If the feature gate LBCapacityReservation is off, Capacity adds a note and does not read the value, so
// an invalid value is not an error.
func (r Reader) Capacity(k Key, gate bool) intent.Field[int32] {
	if !gate {
		r.Ignored(k, "the setting has no effect, because the feature gate LBCapacityReservation is off",
			"nothing to do: the configuration in AWS does not change")
		return intent.Field[int32]{}
	}
	m := r.Map(k)
	var out intent.Field[int32]
	for _, name := range slices.Sorted(maps.Keys(m.Value)) {
		if name != CapacityUnits {
			r.Invalid(k, fmt.Sprintf("invalid key to set the capacity: %s, Expected key: %s", name, CapacityUnits), "write "+
				CapacityUnits+"=<number>")
			return intent.Field[int32]{}
		}
		n, err := strconv.ParseInt(m.Value[name], 10, 32)
		if err != nil || n < 0 {
			r.Invalid(k, fmt.Sprintf("invalid value to set the capacity: %q is not a number of units", m.Value[name]), "write "+
				CapacityUnits+"=<number>; 0 resets")
			return intent.Field[int32]{}
		}
		out = intent.Of(int32(n), m.Source)
	}
	return out
}
