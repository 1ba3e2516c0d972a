#include <thread>
extern "C" int answer() { int value = 0; std::thread([&] { value = 42; }).join(); return value; }
