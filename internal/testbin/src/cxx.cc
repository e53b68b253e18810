// Names for a demangler. Never run.
#define CALLED __attribute__((noinline, used))

namespace outer {
int overloaded(int i) { return i; }
int overloaded(const char *s) { return *s; }
int overloaded(int, double, unsigned long long) { return 3; }

namespace inner {
struct Class {
	int value;
	Class(int v);
	~Class();
	virtual int method(int) const;
	int operator[](int i);
	Class &operator=(const Class &);
	operator bool() const;
	static int create(int);
	template <typename T> T convert(T) const;
};
Class::Class(int v) : value(v) {}
Class::~Class() { value = 0; }
int Class::method(int i) const { return value + i; }
int Class::operator[](int i) { return value * i; }
Class &Class::operator=(const Class &c) { value = c.value; return *this; }
Class::operator bool() const { return value; }
int Class::create(int i) { Class c(i); return c[i] + c.method(i); }
template <typename T> T Class::convert(T t) const { return t + value; }
template int Class::convert<int>(int) const;
template long Class::convert<long>(long) const;
template <> char Class::convert<char>(char c) const { return c; }
}

template <typename T, int N> struct Array {
	T items[N];
	T at(int i) const;
};
template <typename T, int N> T Array<T, N>::at(int i) const { return items[i % N]; }
template struct Array<inner::Class *, 3>;
template struct Array<unsigned char, 16>;

int variadic(const char *, ...) { return 0; }
int callback(int (*f)(int, inner::Class &), inner::Class &c) { return f(1, c); }
int use_lambda(inner::Class &c)
{
	auto lambda = [](int i, inner::Class &k) __attribute__((noinline)) { return k[i]; };
	return callback(lambda, c);
}
}

namespace {
CALLED int anonymous(int i) { return i + 1; }
}
static CALLED int file_static(int i) { return i + 2; }

__attribute__((cold, noreturn)) static CALLED void fail(int i)
{
	for (;;)
		__asm__ volatile("" : : "r"(i));
}
int with_cold_part(int i)
{
	if (__builtin_expect(i < 0, 0))
		fail(i * 7);
	return i;
}

extern "C" int plain_c(int i) { return anonymous(i) + file_static(i); }
void operator delete(void *, unsigned long) {}
// What the compiler refers to and nothing here provides.
extern "C" { void *_ZTVN10__cxxabiv117__class_type_infoE[3]; }
