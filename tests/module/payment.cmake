# Payment: money over the counter, and the clerk's own books.
set(payment_sources)
foreach(part payment load refund cancel show history shift bill)
  list(APPEND payment_sources ${module_sources}/payment/${part}.c)
endforeach()
module_test(test_payment.c SOURCES ${payment_sources})
module_test(test_payment_desk.c SOURCES ${payment_sources})
