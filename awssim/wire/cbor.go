package wire

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"mime"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/aws/smithy-go/encoding/cbor"

	"github.com/k8s-lbc/lbc/awssim/apierr"
)

// rpcCBOR is Smithy RPC v2 CBOR: the action in the path, CBOR (RFC 8949) in and out. Its refusals are those of JSON.
// https://smithy.io/2.0/additional-specs/protocols/smithy-rpc-v2.html
type rpcCBOR struct {
	json11
	namespace, service string // of the service's shape id
}

const (
	protocolHeader = "Smithy-Protocol"
	cborProtocol   = "rpc-v2-cbor"
	cborContent    = "application/cbor"
)

func newCBOR(namespace, service string, names map[string]string) *rpcCBOR {
	return &rpcCBOR{json11{values{names: newNaming(names, same), binary: true}}, namespace, service}
}

// speaksCBOR reports whether a request is one of RPC v2 CBOR, however malformed.
func speaksCBOR(r *http.Request) bool { return r.Header.Get(protocolHeader) == cborProtocol }

// rpcTarget is the service and the operation of /service/SERVICE/operation/OPERATION, below any prefix; "" if the path
// has another form. The service may be named with its namespace.
func rpcTarget(path string) (service, operation string) {
	steps := strings.Split(path, "/")
	n := len(steps)
	if n < 5 || steps[n-4] != "service" || steps[n-2] != "operation" {
		return "", ""
	}
	return steps[n-3][strings.LastIndexByte(steps[n-3], '.')+1:], steps[n-1]
}

// action refuses requests that name a target as in JSON, too: intermediaries could take them for another operation.
func (c *rpcCBOR) action(r *request) (string, error) {
	service, operation := rpcTarget(r.URL.Path)
	if service != c.service || operation == "" || r.Method != http.MethodPost ||
		r.Header.Get("X-Amz-Target") != "" || r.Header.Get("X-Amzn-Target") != "" {
		return operation, c.unknownAction(operation)
	}
	return operation, nil
}

func (c *rpcCBOR) decode(r *request, in reflect.Value) error {
	if len(r.body) == 0 {
		return nil
	}
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != cborContent {
		return apierr.New("SerializationException", "the Content-Type of the body is not %s", cborContent)
	}
	items := cborReader{rest: r.body}
	given, err := items.item(0)
	if err != nil {
		return apierr.New("SerializationException", "the body is no CBOR: %v", err)
	}
	if len(items.rest) > 0 {
		return apierr.New("SerializationException", "the body goes on after its CBOR item")
	}
	return c.input(given, in)
}

func (c *rpcCBOR) encode(_ string, out reflect.Value, _ string) (string, []byte, error) {
	var tree any = map[string]any{}
	if !out.IsNil() {
		var err error
		if tree, err = c.plain(out.Elem()); err != nil {
			return "", nil, err
		}
	}
	return cborContent, appendItem(nil, tree), nil
}

// fail names the error by its shape id, of which clients use what follows the namespace. Shapes of the services call
// the message "Message", clients look for "message" in errors that they do not have a shape of.
func (c *rpcCBOR) fail(e *apierr.Error, _ string) (string, []byte) {
	return cborContent, appendItem(nil, map[string]any{
		"__type": c.namespace + "#" + e.Code, "message": e.Message, "Message": e.Message,
	})
}

// The major types of CBOR.
const (
	majorUint = iota
	majorNegative
	majorBytes
	majorText
	majorList
	majorMap
	majorTag
	majorSimple
)

const (
	// maxItemDepth bounds the nesting of a body, as the SDK's clients do.
	maxItemDepth = 128
	// timeTag marks a number as seconds since 1970.
	timeTag = 1
	// breakItem ends a list, map or string without a length.
	breakItem = 0xff
)

var errCutOff = errors.New("it ends within an item")

// cborReader reads items from the beginning of rest, as trees. It allocates in proportion to what it has read, whatever
// lengths the body claims. (cbor.Decode takes lengths from 2⁶³ for none, and does not tell where an item ends.)
type cborReader struct{ rest []byte }

// length is the argument of an item: a number, or how much belongs to it.
type length struct {
	n       uint64
	endless bool // until a break
}

// head reads the first bytes of an item.
func (r *cborReader) head() (major byte, l length, err error) {
	if len(r.rest) == 0 {
		return 0, l, errCutOff
	}
	major, size := r.rest[0]>>5, 0
	switch info := r.rest[0] & 31; {
	case info < 24:
		l.n = uint64(info)
	case info < 28:
		size = 1 << (info - 24)
	case info == 31 && major >= majorBytes && major <= majorMap:
		l.endless = true
	default:
		return 0, l, fmt.Errorf("an item begins with the byte %#x", r.rest[0])
	}
	if len(r.rest) < 1+size {
		return 0, l, errCutOff
	}
	for _, b := range r.rest[1 : 1+size] {
		l.n = l.n<<8 | uint64(b)
	}
	r.rest = r.rest[1+size:]
	return major, l, nil
}

// more reports whether a further part belongs to an item; it reads the break.
func (r *cborReader) more(l *length) bool {
	switch {
	case !l.endless && l.n > 0:
		l.n--
		return true
	case l.endless && len(r.rest) > 0 && r.rest[0] == breakItem:
		r.rest = r.rest[1:]
		return false
	}
	return l.endless
}

func (r *cborReader) item(depth int) (any, error) {
	if depth > maxItemDepth {
		return nil, fmt.Errorf("items are nested more than %d deep", maxItemDepth)
	}
	start := r.rest
	major, l, err := r.head()
	if err != nil {
		return nil, err
	}
	switch major {
	case majorUint:
		return json.Number(strconv.FormatUint(l.n, 10)), nil
	case majorNegative:
		if l.n > math.MaxInt64 {
			return nil, errors.New("a number is less than -2⁶³")
		}
		return json.Number(strconv.FormatInt(^int64(l.n), 10)), nil
	case majorBytes:
		return r.bytes(major, l)
	case majorText:
		text, err := r.bytes(major, l)
		if err == nil && !utf8.Valid(text) {
			err = errors.New("a text is not UTF-8")
		}
		return string(text), err
	case majorList:
		return r.list(l, depth)
	case majorMap:
		return r.entries(l, depth)
	case majorTag:
		return r.tagged(l.n, depth)
	default:
		return simple(start[:len(start)-len(r.rest)])
	}
}

func (r *cborReader) bytes(major byte, l length) ([]byte, error) {
	if !l.endless {
		if l.n > uint64(len(r.rest)) {
			return nil, errCutOff
		}
		part := r.rest[:l.n]
		r.rest = r.rest[l.n:]
		return part, nil
	}
	all := []byte{}
	for r.more(&l) {
		kind, inner, err := r.head()
		if err == nil && (kind != major || inner.endless) {
			err = errors.New("a string has a part of another kind")
		}
		if err != nil {
			return nil, err
		}
		part, err := r.bytes(major, inner)
		if err != nil {
			return nil, err
		}
		all = append(all, part...)
	}
	return all, nil
}

func (r *cborReader) list(l length, depth int) (any, error) {
	list := []any{}
	for r.more(&l) {
		item, err := r.item(depth + 1)
		if err != nil {
			return nil, err
		}
		list = append(list, item)
	}
	return list, nil
}

func (r *cborReader) entries(l length, depth int) (any, error) {
	entries := map[string]any{}
	for r.more(&l) {
		key, err := r.item(depth + 1)
		if err != nil {
			return nil, err
		}
		name, ok := key.(string)
		if !ok {
			return nil, errors.New("a key is not a text")
		}
		if entries[name], err = r.item(depth + 1); err != nil {
			return nil, err
		}
	}
	return entries, nil
}

func (r *cborReader) tagged(tag uint64, depth int) (any, error) {
	item, err := r.item(depth + 1)
	if err != nil {
		return nil, err
	}
	seconds, _ := item.(json.Number)
	at, ok := instant(seconds)
	if tag != timeTag || !ok {
		return nil, fmt.Errorf("an item with tag %d is not a time", tag)
	}
	return at, nil
}

// simple is a flag, null or a floating-point number, whose text no integer has.
func simple(item []byte) (any, error) {
	value, err := cbor.Decode(item)
	switch v := value.(type) {
	case cbor.Bool:
		return bool(v), nil
	case cbor.Float32:
		return json.Number(strconv.FormatFloat(float64(v), 'e', -1, 32)), nil
	case cbor.Float64:
		return json.Number(strconv.FormatFloat(float64(v), 'e', -1, 64)), nil
	}
	return nil, err // nil: null and undefined
}

// appendItem appends a tree to b. The keys of maps are in order, so that equal answers have equal bytes.
func appendItem(b []byte, tree any) []byte {
	switch v := tree.(type) {
	case map[string]any:
		b = appendHead(b, majorMap, len(v))
		for _, key := range slices.Sorted(maps.Keys(v)) {
			b = appendItem(appendItem(b, key), v[key])
		}
		return b
	case []any:
		b = appendHead(b, majorList, len(v))
		for _, item := range v {
			b = appendItem(b, item)
		}
		return b
	default:
		return append(b, cbor.Encode(leaf(v))...)
	}
}

func appendHead(b []byte, major byte, n int) []byte {
	at := len(b)
	b = append(b, cbor.Encode(cbor.Uint(n))...)
	b[at] |= major << 5
	return b
}

func leaf(v any) cbor.Value {
	switch v := v.(type) {
	case bool:
		return cbor.Bool(v)
	case string:
		return cbor.String(v)
	case []byte:
		return cbor.Slice(v)
	case int64:
		return integer(v)
	case float32:
		return cbor.Float32(v)
	case float64:
		return cbor.Float64(v)
	case time.Time:
		if milli := v.UnixMilli(); milli%1000 != 0 {
			return &cbor.Tag{ID: timeTag, Value: cbor.Float64(float64(milli) / 1000)}
		}
		return &cbor.Tag{ID: timeTag, Value: integer(v.Unix())}
	}
	return &cbor.Nil{}
}

func integer(n int64) cbor.Value {
	if n < 0 {
		return cbor.NegInt(-n)
	}
	return cbor.Uint(n)
}
